"""bridge/inbound/transactions.py: what tells that the homeserver threw something away, and what does not."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from bridge.matrix.json import JsonObject
from tests.bridge.inbound.transactions.pushing import AT, COUNTS, KEY, RECEIPTS, Bridge, event, push

REPEATED: list[JsonObject] = [
    {},
    {COUNTS: {"@portal_lucia:h": {"D": {"signed_curve25519": 9}}}},
    {"ephemeral": [RECEIPTS]},
    {"de.sorunome.msc2409.to_device": [KEY]},
    {"org.matrix.msc3202.device_lists": {"changed": ["@garcia:h"]}},
]


@pytest.mark.parametrize("beside", REPEATED, ids=["alone", "counts", "receipts", "to-device", "device-lists"])
async def test_a_repeated_event_tells_of_trouble(
    http: TestClient[Any, Any], bridge: Bridge, beside: JsonObject
) -> None:
    """An event pushed again means that our answer was missed: something was thrown away.

    Whatever comes with it, however long after, and were it new.
    """
    assert await push(http, {"events": [event("$1")]}) == 200
    assert bridge.troubles == 0
    bridge.now = AT + timedelta(minutes=2)
    assert await push(http, {"events": [event("$1")], **beside}) == 200
    assert bridge.troubles == 1
    assert len([item for item in bridge.submitted if item.kind == "event"]) == 1


async def test_some_events_repeated_tell_of_trouble(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """A homeserver that crashed cuts its pushes anew: known events, then new ones, and the rest is lost."""
    assert await push(http, {"events": [event("$1")]}) == 200
    assert await push(http, {"events": [event("$1"), event("$2")]}, "2") == 200
    assert bridge.troubles == 1
    assert [item.payload["event_id"] for item in bridge.submitted] == ["$1", "$2"]


async def test_an_empty_push_tells_of_trouble(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """Nobody sends nothing: it is the rest of a push that failed, whose messages and receipts were thrown away."""
    empty: JsonObject = {"events": [], "ephemeral": [], "de.sorunome.msc2409.to_device": []}
    assert await push(http, empty) == 200
    assert bridge.troubles == 1


async def test_new_things_are_no_trouble(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """New events, what is new without events, and what we have no use for: none of it is taken for a repetition."""
    typing = {"type": "m.typing", "room_id": "!r", "content": {"user_ids": ["@garcia:h"]}}
    counts: JsonObject = {COUNTS: {"@portal_lucia:h": {"D": {"signed_curve25519": 9}}}}
    receipts: JsonObject = {"ephemeral": [RECEIPTS]}
    for body in ({"events": [event("$1")]}, {"ephemeral": [typing]}, counts, counts, receipts, receipts):
        assert await push(http, body) == 200
    assert bridge.troubles == 0


async def test_what_is_no_push_is_refused(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """A body that is no JSON object gets 400, and counts as trouble."""
    assert await push(http, [1]) == 400
    assert bridge.troubles == 1


async def test_a_database_in_trouble_is_no_200(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """What could not be stored is not acknowledged; the same push works when the database does."""
    await bridge.database.close()
    assert await push(http, {"events": [event("$1")]}) == 500
    assert bridge.troubles == 1
    await bridge.database.open()
    assert await push(http, {"events": [event("$1")]}) == 200
    assert len(bridge.submitted) == 1
