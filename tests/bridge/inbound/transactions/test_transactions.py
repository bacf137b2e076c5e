"""bridge/inbound/transactions.py: what the homeserver calls, over HTTP, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from bridge.inbound.inbox import waiting
from tests.bridge.inbound.transactions.pushing import (
    AT,
    BEARER,
    COUNTS,
    HS_TOKEN,
    Bridge,
    event,
    push,
    waiting_in,
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/_matrix/app/v1/transactions/1"),
        ("POST", "/_matrix/app/v1/ping"),
        ("GET", "/_matrix/app/v1/users/@a:h"),
        ("GET", "/_matrix/app/v1/rooms/%23a:h"),
    ],
)
async def test_only_the_homeserver_may_call(
    http: TestClient[Any, Any], bridge: Bridge, method: str, path: str
) -> None:
    """No token is 401, another is 403, on every route; neither counts as the homeserver's trouble."""
    wanted = [
        (None, 401, "M_UNAUTHORIZED"),
        ("Bearer no", 403, "M_FORBIDDEN"),
        (HS_TOKEN, 403, "M_FORBIDDEN"),
    ]
    for given, status, errcode in wanted:
        headers = {} if given is None else {"Authorization": given}
        async with http.request(method, path, headers=headers, json={"events": [event("$1")]}) as response:
            assert (response.status, (await response.json())["errcode"]) == (status, errcode)
    assert (bridge.submitted, bridge.troubles) == ([], 0)


async def test_ping_and_questions(http: TestClient[Any, Any]) -> None:
    """A ping is answered; no user or room is made on demand."""
    async with http.post("/_matrix/app/v1/ping", json={"transaction_id": "t"}, headers=BEARER) as response:
        assert (response.status, await response.json()) == (200, {})
    for path in ("users/@a:h", "rooms/%23a:h"):
        async with http.get(f"/_matrix/app/v1/{path}", headers=BEARER) as response:
            assert (response.status, (await response.json())["errcode"]) == (404, "M_NOT_FOUND")


async def test_a_push_is_stored_before_it_is_answered(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """After the 200 everything is in the database and with the dispatcher, however large the push."""
    many = [event(f"${number}") for number in range(100)]
    assert await push(http, {"events": many}) == 200
    async with bridge.database.read() as connection:
        assert await waiting(connection) == bridge.submitted
    assert [item.payload["event_id"] for item in bridge.submitted] == [one["event_id"] for one in many]


async def test_events_are_known_by_their_id(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """Another event under a transaction id seen before is new; the same event under another id is not."""
    assert await push(http, {"events": [event("$1")]}, "1") == 200
    assert await push(http, {"events": [event("$2"), event("$3")]}, "1") == 200
    assert await push(http, {"events": [event("$3")]}, "2") == 200
    assert [item.payload["event_id"] for item in bridge.submitted] == ["$1", "$2", "$3"]


async def test_a_bad_item_does_not_stop_a_push(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """The homeserver would push the same for ever: what is bad is skipped, the rest stored, the answer 200."""
    assert await push(http, {"events": [{"event_id": "$bad\x00"}, "x", event("$1")], "ephemeral": 3}) == 200
    assert [item.payload["event_id"] for item in bridge.submitted] == ["$1"]


async def test_counts_that_say_nothing_new_cost_nothing(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """Repeated counts are left out for a minute; a change of one user's passes, without the others'."""
    lucia, juan = ({user: {"D": {"signed_curve25519": 50}}} for user in ("@portal_lucia:h", "@portal_juan:h"))
    fewer = {"@portal_lucia:h": {"D": {}}}
    for counts in ({**lucia, **juan}, juan, {**fewer, **juan}):
        assert await push(http, {COUNTS: counts}) == 200
    assert [item.payload["counts"] for item in bridge.submitted] == [{**lucia, **juan}, fewer]
    bridge.now = AT + timedelta(minutes=1)
    assert await push(http, {COUNTS: juan}) == 200
    assert bridge.submitted[-1].payload["counts"] == juan


async def test_what_was_handled_at_once_is_told_and_not_dispatched(
    http: TestClient[Any, Any], bridge: Bridge
) -> None:
    """With its effects committed; pushed again it is no news, but trouble."""
    bridge.at_once = "everything"
    assert await push(http, {"events": [event("$1")]}) == 200
    assert (bridge.submitted, bridge.rung, bridge.troubles) == ([], ["@lucia:p"], 0)
    assert await waiting_in(bridge) == []
    assert await push(http, {"events": [event("$1")]}, txn_id="2") == 200
    assert (bridge.submitted, bridge.rung, bridge.troubles) == ([], ["@lucia:p"], 1)


async def test_what_fails_at_once_is_stored_all_the_same(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """To be handled later; of what was done at once nothing stays."""
    bridge.at_once = "fails"
    assert await push(http, {"events": [event("$1")]}) == 200
    assert [item.payload["event_id"] for item in bridge.submitted] == ["$1"]
    assert await waiting_in(bridge) == bridge.submitted
    assert (bridge.rung, bridge.troubles) == ([], 0)
