"""bridge/transactions.py: what the homeserver calls, over HTTP, on both databases."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.at_once import Handled
from bridge.database import Database
from bridge.inbox import StoredItem, waiting
from bridge.matrix.json import JsonObject
from bridge.storage.inbox import mark_processed
from bridge.transactions import Transactions, appservice_routes

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HS_TOKEN = "hs-token-ñ"
BEARER = {"Authorization": f"Bearer {HS_TOKEN}"}
COUNTS = "org.matrix.msc3202.device_one_time_keys_count"
KEY = {
    "type": "m.room.encrypted",
    "sender": "@garcia:h",
    "to_user_id": "@portal_lucia:h",
    "to_device_id": "D",
    "content": {"ciphertext": {}},
}
RECEIPTS = {
    "type": "m.receipt",
    "room_id": "!r",
    "content": {"$1": {"m.read": {"@garcia:h": {"ts": 1}}}},
}


@dataclass
class Bridge:
    """What stands around the routes."""

    database: Database
    submitted: list[StoredItem] = field(default_factory=list)
    troubles: int = 0
    rung: list[str] = field(default_factory=list)
    at_once: Literal["nothing", "everything", "fails"] = "nothing"
    now: datetime = AT

    def submit(self, items: list[StoredItem]) -> None:
        """Take the dispatcher's place."""
        self.submitted.extend(items)

    def is_busy(self, _room_id: str) -> bool:
        """It has nothing to do."""
        return False

    async def handle(self, connection: Any, items: list[StoredItem], **_: object) -> Handled:
        """Do at once what the test says: nothing, everything, or fail after it."""
        if self.at_once == "nothing":
            return Handled(items)
        for item in items:
            await mark_processed(connection, item.seq, at=AT)
        if self.at_once == "fails":
            raise RuntimeError
        return Handled([], frozenset({"@lucia:p"} if items else ()))

    def ring(self, people: Collection[str]) -> None:
        """Take the notifier's place."""
        self.rung += people

    def trouble(self) -> None:
        """Count."""
        self.troubles += 1


@pytest.fixture
def bridge(database: Database) -> Bridge:
    """A bridge that dispatches nothing."""
    return Bridge(database)


@pytest.fixture
async def http(bridge: Bridge) -> AsyncIterator[TestClient[Any, Any]]:
    """The homeserver's side of the connection."""
    transactions = Transactions(
        database=bridge.database,
        dispatcher=bridge,
        at_once=bridge,
        ring=bridge.ring,
        now=lambda: bridge.now,
        on_trouble=bridge.trouble,
    )
    app = web.Application(client_max_size=1024)
    app.add_routes(appservice_routes(hs_token=HS_TOKEN, transactions=transactions))
    async with TestClient(TestServer(app)) as client:
        yield client


def event(event_id: str) -> JsonObject:
    """A room event."""
    return {
        "event_id": event_id,
        "room_id": "!r",
        "sender": "@garcia:h",
        "type": "m.room.encrypted",
        "origin_server_ts": 1,
        "content": {"ciphertext": "x"},
    }


async def push(http: TestClient[Any, Any], body: Any, txn_id: str = "1") -> int:
    """The status that a push gets."""
    path = f"/_matrix/app/v1/transactions/{txn_id}"
    async with http.put(path, json=body, headers=BEARER) as response:
        if response.status == 200:
            assert await response.json() == {}
        return response.status


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


async def test_a_bad_item_does_not_stop_a_push(http: TestClient[Any, Any], bridge: Bridge) -> None:
    """The homeserver would push the same for ever: what is bad is skipped, the rest stored, the answer 200."""
    assert await push(http, {"events": [{"event_id": "$bad\x00"}, "x", event("$1")], "ephemeral": 3}) == 200
    assert [item.payload["event_id"] for item in bridge.submitted] == ["$1"]


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


async def waiting_in(bridge: Bridge) -> list[StoredItem]:
    """What is stored and not processed."""
    async with bridge.database.read() as connection:
        return await waiting(connection)
