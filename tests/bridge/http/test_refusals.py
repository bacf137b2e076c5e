"""bridge/http/refusals.py: what a refusal says beyond its kind."""

import pytest

from bots.i18n import LANGUAGES
from bridge.attachments.errors import TooLargeError
from bridge.http.problems import render
from bridge.http.refusals import as_problem


@pytest.mark.parametrize(
    ("limit", "said"),
    [(52_428_800, "50 MB"), (2_621_440, "2 MB"), (1_048_575, "1023 KB"), (1024, "1 KB")],
)
def test_too_large_says_how_much_there_may_be(limit: int, said: str) -> None:
    """In both languages; never more than it is."""
    for language in LANGUAGES:
        assert said in render(as_problem(TooLargeError(limit)), language)["detail"]


def test_where_nobody_knows_the_limit_none_is_said() -> None:
    """The homeserver's is lower than ours, and it doesn't say it."""
    for language in LANGUAGES:
        document = render(as_problem(TooLargeError()), language)
        assert document["status"] == 413
        assert "{" not in document["detail"]
