"""bridge/inbound/missed.py: what no push has brought is fetched, once, in order; and receipts reach over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bridge.inbound.inbox import store
from bridge.inbound.items import InboxItem, items_of_transaction
from bridge.inbound.missed import MissedEvents
from bridge.inbound.projection import Projection
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject
from bridge.matrix.module import MOST_HAPPENED, EventPlace, Happened
from bridge.storage.database import Database
from bridge.timeline.recent import RecentEvents

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
ROOM = "!consult:portal"
KEEPER, ASSISTANT = "@consulta:portal", "@asistente:portal"
GARCIA = "@garcia:hospital"


@dataclass
class Homeserver:
    """Events of one room at their places, and what it refuses to show."""

    events: dict[int, str] = field(default_factory=dict)
    hidden: dict[str, Exception] = field(default_factory=dict)
    is_down: bool = False
    asked: list[tuple[str, int | None]] = field(default_factory=list)

    async def happened(self, *, user_id: str, after: int | None, age_ms: int) -> Happened:
        """As the module answers: only the keeper is in the room."""
        assert age_ms >= 5000
        self.asked.append((user_id, after))
        if self.is_down:
            raise HomeserverUnreachableError
        last = max(self.events, default=0)
        if after is None or user_id != KEEPER:
            return Happened(events=[], place=last)
        places = [place for place in sorted(self.events) if place > after][:MOST_HAPPENED]
        found = [EventPlace(event_id=self.events[place], room_id=ROOM) for place in places]
        return Happened(events=found, place=places[-1] if len(places) == MOST_HAPPENED else last)

    async def event(self, *, user_id: str, room_id: str, event_id: str) -> JsonObject | None:
        """As MatrixClient does: the place is the time of sending too."""
        assert (user_id, room_id) == (KEEPER, ROOM)
        if event_id in self.hidden:
            raise self.hidden[event_id]
        place = next(place for place, one in self.events.items() if one == event_id)
        return raw(event_id, sent_at=place)


@dataclass
class Bridge:
    """Takes what it is given as a push, and everything has its place at once."""

    database: Database
    taken: list[str] = field(default_factory=list)
    troubles: int = 0
    now: datetime = AT
    projection: Projection = field(
        default_factory=lambda: Projection(keeper_id=KEEPER, recent=RecentEvents(), now=lambda: AT)
    )

    async def take(self, items: Sequence[InboxItem]) -> None:
        """As Transactions.take."""
        async with self.database.write() as connection:
            await store(connection, items, at=AT)
            for item in items:
                await self.projection.follow(connection, RoomEvent.model_validate(item.payload))
        self.taken += [item.payload["event_id"] for item in items]

    def trouble(self) -> None:
        """Count."""
        self.troubles += 1


def raw(event_id: str, *, sent_at: int) -> JsonObject:
    """An event as the homeserver shows it."""
    return {
        "event_id": event_id,
        "room_id": ROOM,
        "sender": GARCIA,
        "type": "m.room.encrypted",
        "origin_server_ts": sent_at,
        "content": {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA"},
    }


@pytest.fixture
def homeserver() -> Homeserver:
    """A homeserver."""
    return Homeserver()


@pytest.fixture
def bridge(database: Database) -> Bridge:
    """A bridge."""
    return Bridge(database)


@pytest.fixture
def missed(homeserver: Homeserver, bridge: Bridge) -> MissedEvents:
    """Looks for what that homeserver didn't push to that bridge."""
    return MissedEvents(
        database=bridge.database,
        witness=homeserver,
        client=homeserver,
        bots=[KEEPER, ASSISTANT],
        take=bridge.take,
        on_trouble=bridge.trouble,
        now=lambda: bridge.now,
    )


async def push(bridge: Bridge, homeserver: Homeserver, place: int) -> None:
    """The event at this place comes as it should."""
    event = raw(homeserver.events[place], sent_at=place)
    await bridge.take(items_of_transaction({"events": [event]}))
    bridge.taken.clear()


async def test_what_was_pushed_is_left_alone(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """Nothing is fetched, and each bot goes on from where it was."""
    await missed.look()
    homeserver.events = {4: "$4", 5: "$5"}
    await push(bridge, homeserver, 4)
    await push(bridge, homeserver, 5)
    await missed.look()
    await missed.look()
    assert bridge.taken == []
    assert bridge.troubles == 0
    assert [after for bot, after in homeserver.asked if bot == KEEPER] == [None, 0, 5]


async def test_what_was_not_pushed_is_fetched_once(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """In order, and keys and receipts that were lost with it are caught up with."""
    await missed.look()
    homeserver.events = {4: "$4", 5: "$5", 6: "$6"}
    await push(bridge, homeserver, 5)
    await missed.look()
    assert bridge.taken == ["$4", "$6"]
    assert bridge.troubles == 1
    await missed.look()
    assert bridge.taken == ["$4", "$6"]


async def test_before_the_first_look_nothing_was_missed(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """A bridge that is set up beside an old homeserver doesn't go through all of its past."""
    homeserver.events = {4: "$4"}
    await missed.look()
    await missed.look()
    assert bridge.taken == []


async def test_what_nobody_is_shown_is_not_asked_for_again(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """The rest comes."""
    await missed.look()
    homeserver.events = {4: "$4", 5: "$5"}
    homeserver.hidden["$4"] = MatrixError(status=403, errcode="M_FORBIDDEN", message="")
    await missed.look()
    assert bridge.taken == ["$5"]
    assert homeserver.asked[-2:] == [(KEEPER, 0), (ASSISTANT, 0)]


async def test_what_can_not_be_fetched_now_is_fetched_later(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """The place stays until then."""
    await missed.look()
    homeserver.events = {4: "$4"}
    homeserver.hidden["$4"] = MatrixError(status=502, errcode="M_UNKNOWN", message="")
    await missed.look()
    assert bridge.taken == []
    homeserver.hidden.clear()
    await missed.look()
    assert bridge.taken == ["$4"]


async def test_what_was_fetched_before_trouble_is_not_fetched_again(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """Of many, some are taken; the rest comes with the next look, and none twice."""
    await missed.look()
    homeserver.events = {place: f"${place}" for place in range(1, 201)}
    homeserver.hidden["$180"] = MatrixError(status=502, errcode="M_UNKNOWN", message="")
    await missed.look()
    assert 0 < len(bridge.taken) < 180
    homeserver.hidden.clear()
    await missed.look()
    assert bridge.taken == [f"${place}" for place in range(1, 201)]


async def test_more_than_one_answer_holds_comes_with_one_look(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """However much was missed, or was pushed: nothing falls behind."""
    await missed.look()
    homeserver.events = {place: f"${place}" for place in range(1, 2 * MOST_HAPPENED + 2)}
    await missed.look()
    assert len(bridge.taken) == 2 * MOST_HAPPENED + 1


async def test_what_is_forgotten_is_not_taken_for_missed(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """Whoever couldn't look for a week begins anew, and catches up with keys and receipts."""
    await missed.look()
    homeserver.events = {4: "$4"}
    bridge.now += timedelta(days=6, minutes=1)
    await missed.look()
    assert bridge.taken == []
    assert bridge.troubles
    homeserver.events[5] = "$5"
    bridge.now += timedelta(days=5)
    await missed.look()
    assert bridge.taken == ["$5"]


async def test_a_homeserver_that_was_away_may_have_lost_keys(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """Told once, when it is back."""
    homeserver.is_down = True
    await missed.look()
    await missed.look()
    assert bridge.troubles == 0
    homeserver.is_down = False
    await missed.look()
    await missed.look()
    assert bridge.troubles == 1
