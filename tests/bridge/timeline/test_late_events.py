"""bridge/timeline/late_events.py: a receipt reaches over what stands behind its event by mistake, nothing else."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bridge.inbound.projection import Projection
from bridge.matrix.events import RoomEvent
from bridge.states.receipts import record_receipt
from bridge.storage.conversations import receipts, timeline
from bridge.storage.database import Database
from bridge.timeline.recent import RecentEvents

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
ROOM = "!consult:portal"
LUCIA, GARCIA = "@portal_lucia:portal", "@garcia:hospital"


@dataclass
class Room:
    """A consult room; its events are called after the second at which they were sent."""

    database: Database
    projection: Projection = field(
        default_factory=lambda: Projection(
            keeper_id="@consulta:portal", recent=RecentEvents(), now=lambda: AT
        )
    )

    async def comes(
        self, sent_at: int, *, is_late: bool = False, event_type: str = "m.room.encrypted"
    ) -> None:
        """An event gets the next place."""
        event = RoomEvent(
            event_id=f"${sent_at}",
            room_id=ROOM,
            sender=LUCIA,
            type=event_type,
            origin_server_ts=sent_at * 1000,
            content={"ciphertext": "AwgA"},
            is_late=is_late,
        )
        async with self.database.write() as connection:
            await self.projection.follow(connection, event)

    async def is_read(self, sent_at: int) -> None:
        """The professional's receipt on this event."""
        async with self.database.write() as connection:
            await record_receipt(connection, room_id=ROOM, user_id=GARCIA, event_id=f"${sent_at}", at=AT)

    async def read_up_to(self) -> str:
        """The event at the place up to which she has read."""
        query = select(timeline.c.event_id).join(receipts, receipts.c.seq == timeline.c.seq)
        async with self.database.read() as connection:
            return str((await connection.execute(query)).scalar_one())


@pytest.fixture
def room(database: Database) -> Room:
    """Nothing happened in it yet."""
    return Room(database)


@pytest.mark.parametrize("is_read_before", [True, False])
async def test_over_all_that_was_sent_before(room: Room, *, is_read_before: bool) -> None:
    """Whether the receipt came before them or afterwards; what follows them isn't read."""
    await room.comes(6)
    if is_read_before:
        await room.is_read(6)
    await room.comes(4, is_late=True)
    await room.comes(5, is_late=True)
    await room.comes(7)
    if not is_read_before:
        await room.is_read(6)
    assert await room.read_up_to() == "$5"


async def test_not_over_what_was_sent_later(room: Room) -> None:
    """It came late too, but the reader has not seen it."""
    await room.comes(4)
    await room.is_read(4)
    await room.comes(5, is_late=True)
    assert await room.read_up_to() == "$4"


async def test_not_over_what_came_in_time(room: Room) -> None:
    """Clocks of two servers differ: what another has sent "before" may well be new."""
    await room.comes(6)
    await room.is_read(6)
    await room.comes(5)
    await room.comes(4, is_late=True)
    assert await room.read_up_to() == "$6"


async def test_what_is_no_message_stands_between_none(room: Room) -> None:
    """The keeper's event after somebody's introduction, say."""
    await room.comes(6)
    await room.comes(7, event_type="org.matrix.dummy_event")
    await room.comes(4, is_late=True)
    await room.is_read(6)
    assert await room.read_up_to() == "$4"
