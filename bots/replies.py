"""Who asks, on which occasion, and what the assistant answers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bots.booking_dialogue import Dialogue
from bots.i18n import Language
from bots.rpc import Status

DEFAULT_ZONE = ZoneInfo("Europe/Madrid")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks; `language` as far as we know hers; `zone` is where her clock is."""

    user_id: str
    language: Language | None = None
    zone: ZoneInfo = DEFAULT_ZONE


@dataclass(frozen=True, slots=True)
class Turn:
    """What an answer follows: the event, when, and the dialogue that it goes on with."""

    event_id: str
    now: datetime
    dialogue: Dialogue | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant answers: `text` for people, `status` and `data` for programs.

    `dialogue` is what can be chosen next; None leaves the one before as it is.
    """

    status: Status
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    dialogue: Dialogue | None = None
