"""bridge/http/fields.py: words pass as they are or not at all; times are as promised."""

import json
import unicodedata
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.http.fields import format_instant, parse_instant
from bridge.http.message_models import SendMessage
from tests.bridge.http.api import GARCIA

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"), min_size=1, max_size=200
)


@given(WORDS.filter(lambda text: not text.isspace()))
def test_any_words_pass_through_unchanged(body: str) -> None:
    """Every text without control characters is accepted as it is."""
    assert (
        SendMessage.model_validate(json.loads(json.dumps({"recipient": GARCIA, "body": body}))).body == body
    )


@given(WORDS, st.characters(categories=("Cc", "Cs")).filter(lambda one: one not in "\n\t"), WORDS)
def test_no_control_character_passes(before: str, bad: str, after: str) -> None:
    """One control character or half a surrogate pair anywhere refuses the text."""
    assert unicodedata.category(bad) in {"Cc", "Cs"}
    with pytest.raises(ValidationError):
        SendMessage.model_validate({"recipient": GARCIA, "body": before + bad + after})


def test_timestamps_are_as_promised() -> None:
    """RFC 3339, UTC, milliseconds, and nothing rounded up into the future."""
    at = datetime.fromisoformat("2026-11-23T10:00:00.999999+01:00")
    assert format_instant(at) == "2026-11-23T09:00:00.999Z"
    assert parse_instant(format_instant(at)) == at.replace(microsecond=999000)
    assert format_instant(at.replace(year=158)) == "0158-11-23T09:00:00.999Z"
