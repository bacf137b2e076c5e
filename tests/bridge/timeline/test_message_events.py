"""bridge/timeline/message_events.py: what an event is to us."""

from typing import Any

import pytest

from bridge.timeline.message_events import is_edit


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}, True),
        ({"m.relates_to": {"rel_type": "m.thread", "event_id": "$1"}}, False),
        ({"m.relates_to": {"rel_type": ["m.replace"]}}, False),
        ({"m.relates_to": "m.replace"}, False),
        ({"m.relates_to": None}, False),
        ({}, False),
    ],
)
def test_an_edit_is_one_that_replaces(content: dict[str, Any], *, expected: bool) -> None:
    """Relations are untrusted: a malformed one is none."""
    assert is_edit(content) is expected
