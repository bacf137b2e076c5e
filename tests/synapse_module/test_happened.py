"""videoconsulta_synapse/happened.py: what happened in somebody's rooms, by Synapse's own tables."""

import sqlite3
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from synapse.module_api.errors import SynapseError
from videoconsulta_synapse.happened import Happened
from videoconsulta_synapse.secret import Secret

from tests.synapse_module.homeserver import KEEPER, OTHER_ROOM, ROOM, result

T = TypeVar("T")
SECRET = "s" * 20
AGE_MS = 10_000
_TABLES = """
    CREATE TABLE events (
        stream_ordering INTEGER PRIMARY KEY, event_id TEXT, room_id TEXT, received_ts BIGINT,
        outlier BOOL NOT NULL, rejection_reason TEXT
    );
    CREATE TABLE local_current_membership (
        room_id TEXT, user_id TEXT, event_id TEXT, membership TEXT, event_stream_ordering BIGINT
    );
"""


class Homeserver:
    """A ModuleApi with the columns that are looked at; the keeper came into its room at place 3."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(_TABLES)
        self.join(ROOM, "join", 3)

    def join(self, room_id: str, membership: str, place: int) -> None:
        """The keeper's membership."""
        row = (room_id, KEEPER, f"$member{place}", membership, place)
        self.database.execute("INSERT INTO local_current_membership VALUES (?, ?, ?, ?, ?)", row)

    def event(
        self, place: int, *, room_id: str = ROOM, age_s: float = 60, outlier: bool = False, bad: bool = False
    ) -> None:
        """An event at this place, which came so long ago."""
        received = (time.time() - age_s) * 1000
        row = (place, f"${place}", room_id, received, outlier, "auth_error" if bad else None)
        self.database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)

    async def run_db_interaction(self, _name: str, function: Callable[[Any], T]) -> T:
        """As Synapse's."""
        return function(self.database.cursor())

    def ask(self, *, after: int | None = None, secret: str = SECRET) -> Any:
        """What the module answers."""
        given = {"user_id": KEEPER, "age_ms": AGE_MS} | ({} if after is None else {"after": after})
        args = {name.encode(): [str(value).encode()] for name, value in given.items()}
        request: Any = SimpleNamespace(getHeader=lambda _name: f"Bearer {secret}".encode(), args=args)
        api: Any = self
        resource = Happened(api=api, secret=Secret(SECRET))
        return result(resource._async_render_GET(request))


@pytest.fixture
def homeserver() -> Homeserver:
    """One in which nothing happened."""
    return Homeserver()


def _ids(answer: Any) -> list[str]:
    return [event["event_id"] for event in answer[1]["events"]]


def test_where_to_begin(homeserver: Homeserver) -> None:
    """Without a place: the last one, and no events."""
    assert homeserver.ask() == (200, {"events": [], "place": 0})
    homeserver.event(7)
    assert homeserver.ask() == (200, {"events": [], "place": 7})


def test_what_happened_since(homeserver: Homeserver) -> None:
    """In order, with its room; the next question is after the last, and finds nothing."""
    for place in (4, 5, 6):
        homeserver.event(place)
    answer = homeserver.ask(after=4)
    assert answer[1]["events"] == [{"event_id": f"${place}", "room_id": ROOM} for place in (5, 6)]
    assert answer[1]["place"] == 6
    assert homeserver.ask(after=6) == (200, {"events": [], "place": 6})


def test_nothing_younger_is_told_or_passed_over(homeserver: Homeserver) -> None:
    """Nor what stands behind something younger: the place stays before it."""
    homeserver.event(4)
    homeserver.event(5, age_s=1)
    homeserver.event(6)
    assert homeserver.ask(after=0) == (200, {"events": [{"event_id": "$4", "room_id": ROOM}], "place": 4})


def test_only_what_was_there_to_be_pushed(homeserver: Homeserver) -> None:
    """Nothing from before the keeper came in, of rooms that it isn't in, or that isn't part of the room."""
    homeserver.join(OTHER_ROOM, "leave", 3)
    homeserver.event(2)
    homeserver.event(4, room_id=OTHER_ROOM)
    homeserver.event(5, outlier=True)
    homeserver.event(6, bad=True)
    homeserver.event(7)
    answer = homeserver.ask(after=0)
    assert _ids(answer) == ["$7"]
    assert answer[1]["place"] == 7


def test_many_come_in_pieces(homeserver: Homeserver) -> None:
    """500 at a time, none left out and none twice."""
    for place in range(3, 1203):
        homeserver.event(place)
    found: list[str] = []
    after = 0
    for size in (500, 500, 200, 0):
        answer = homeserver.ask(after=after)
        assert len(_ids(answer)) == size
        found += _ids(answer)
        after = answer[1]["place"]
    assert found == [f"${place}" for place in range(3, 1203)]


def test_the_secret_comes_first(homeserver: Homeserver) -> None:
    """Without it nobody learns of rooms and events."""
    with pytest.raises(SynapseError) as refused:
        homeserver.ask(after=0, secret="x")
    assert refused.value.code == 401
