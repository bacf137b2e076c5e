"""What is said of the process itself."""

from typing import Literal

from bridge.http.models import AnswerModel


class LiveAnswer(AnswerModel):
    """The process works."""

    status: Literal["ok"]


class ReadyAnswer(AnswerModel):
    """What the process depends on, each by its name."""

    status: Literal["ok", "failed"]
    checks: dict[str, Literal["ok", "failed"]]
