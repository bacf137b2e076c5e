"""bridge/missed.py: what no push has brought is fetched, once, in order; and receipts reach over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bridge.database import Database
from bridge.inbox import store
from bridge.items import InboxItem, items_of_transaction
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject
from bridge.matrix.module import EventPlace, Happened
from bridge.missed import MissedEvents
from bridge.receipts import record_receipt
from bridge.rooms import record_event
from bridge.storage.conversations import receipts, timeline

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
        found = [self.events[place] for place in sorted(self.events) if place > after]
        return Happened(events=[EventPlace(event_id=one, room_id=ROOM) for one in found], place=last)

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

    async def take(self, items: Sequence[InboxItem]) -> None:
        """As Transactions.take."""
        async with self.database.write() as connection:
            await store(connection, items, at=AT)
            for item in items:
                await record_event(connection, RoomEvent.model_validate(item.payload))
        self.taken += [item.payload["event_id"] for item in items]

    async def settled(self) -> None:
        """All is done."""

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
        dispatcher=bridge,
        bots=[KEEPER, ASSISTANT],
        take=bridge.take,
        on_trouble=bridge.trouble,
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


async def place_of(database: Database, event_id: str) -> int:
    """Where this event stands."""
    async with database.read() as connection:
        found = await connection.execute(select(timeline.c.seq).where(timeline.c.event_id == event_id))
        return int(found.scalar_one())


async def read_up_to(database: Database) -> int:
    """Up to which place the professional has read."""
    async with database.read() as connection:
        return int((await connection.execute(select(receipts.c.seq))).scalar_one())


async def receipt(database: Database, event_id: str) -> None:
    """The professional has read up to this event."""
    async with database.write() as connection:
        await record_receipt(connection, room_id=ROOM, user_id=GARCIA, event_id=event_id, at=AT)


@pytest.mark.parametrize("is_read_before", [True, False])
async def test_a_receipt_reaches_over_what_stands_behind_it_by_mistake(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge, *, is_read_before: bool
) -> None:
    """It came late, and was sent before; whether the receipt came before it or afterwards. What is newer stays."""
    await missed.look()
    homeserver.events = {4: "$4", 5: "$5", 6: "$6"}
    await push(bridge, homeserver, 6)
    if is_read_before:
        await receipt(bridge.database, "$6")
    await missed.look()
    homeserver.events[7] = "$7"
    await push(bridge, homeserver, 7)
    if not is_read_before:
        await receipt(bridge.database, "$6")
    assert await read_up_to(bridge.database) == await place_of(bridge.database, "$5")


async def test_a_receipt_reaches_not_over_what_was_sent_later(
    missed: MissedEvents, homeserver: Homeserver, bridge: Bridge
) -> None:
    """It was missed too, but the reader has not seen it."""
    await missed.look()
    homeserver.events = {4: "$4"}
    await push(bridge, homeserver, 4)
    await receipt(bridge.database, "$4")
    homeserver.events[5] = "$5"
    await missed.look()
    assert await read_up_to(bridge.database) == await place_of(bridge.database, "$4")
