"""Who has read up to where: public read receipts (Matrix client-server API, section 11.10)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.matrix.events import Receipt
from bridge.messages_model import AttendedBy, MessageStatus, ReadBy
from bridge.rooms.arrivals import note_found
from bridge.rooms.former_rooms import Place
from bridge.states.attending import Marks, marks_of
from bridge.states.statuses import mark_read
from bridge.storage.conversations import early_receipts, receipts, timeline
from bridge.storage.database import Database
from bridge.storage.statements import upsert
from bridge.timeline.late_events import IS_BEFORE_LATE, reach

# Built once: with a hundred ids, building takes longer than running.
_EVENTS = select(
    timeline.c.event_id,
    timeline.c.seq,
    timeline.c.is_message,
    timeline.c.delivered_at.is_not(None).label("is_delivered"),
    timeline.c.read_at.is_not(None).label("is_read"),
).where(timeline.c.event_id.in_(bindparam("events", expanding=True)))
_RECEIPTS = (
    select(receipts.c.user_id, receipts.c.seq, receipts.c.at)
    .where(receipts.c.room_id == bindparam("room_id"))
    .order_by(receipts.c.at)
)
_PLACE = select(timeline.c.seq, timeline.c.sent_at, IS_BEFORE_LATE).where(
    timeline.c.event_id == bindparam("event_id"), timeline.c.room_id == bindparam("room_id")
)
_LAST = select(receipts.c.seq).where(
    receipts.c.room_id == bindparam("room_id"), receipts.c.user_id == bindparam("user_id")
)
_OF_ROOM = select(receipts).where(receipts.c.room_id == bindparam("room"))
_EARLY = select(early_receipts.c.at).where(
    early_receipts.c.room_id == bindparam("room_id"), early_receipts.c.user_id == bindparam("user_id")
)
_EARLY_KEPT = timedelta(days=7)
_IN_PLACE = select(early_receipts).join(
    timeline,
    (timeline.c.event_id == early_receipts.c.event_id) & (timeline.c.room_id == early_receipts.c.room_id),
)
_IS_ANY_IN_PLACE = _IN_PLACE.limit(1)
_SETTLED = delete(early_receipts).where(
    early_receipts.c.room_id == bindparam("room"),
    early_receipts.c.user_id == bindparam("reader"),
    early_receipts.c.event_id == bindparam("event"),
)


@dataclass(frozen=True, slots=True)
class _Receipt:
    user_id: str
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadStates:
    """The receipts of one room, held against the order of its events."""

    _receipts: tuple[_Receipt, ...]
    _order: Mapping[str, int]
    _no_messages: frozenset[str]
    _statuses: Mapping[str, MessageStatus]
    _marks: Marks

    def is_message(self, event_id: str) -> bool:
        """Whether this event is a message, as far as we know; an edit that was redacted doesn't tell any more."""
        return event_id not in self._no_messages

    def status(self, event_id: str) -> MessageStatus:
        """How far this message is known to have come; `sent` for one that we have not heard of yet."""
        return self._statuses.get(event_id, "sent")

    def attended_by(self, event_id: str) -> AttendedBy | None:
        """Who has taken on this message, if it is one of the patient's side."""
        return self._marks.of(self._order.get(event_id))

    def read_by(self, event_id: str, *, people: Collection[str]) -> tuple[ReadBy, ...]:
        """Who of these people has read this event: has a receipt on it or on a later one."""
        seq = self._order.get(event_id)
        if seq is None:
            return ()
        return tuple(
            ReadBy(user_id=receipt.user_id, at=receipt.at)
            for receipt in self._receipts
            if receipt.user_id in people and receipt.seq >= seq
        )


async def read_states(connection: AsyncConnection, room_id: str, event_ids: Collection[str]) -> ReadStates:
    """What is needed to say who has read these events of a room."""
    events = (await connection.execute(_EVENTS, {"events": list(event_ids)})).all()
    return ReadStates(
        tuple(_Receipt(*row) for row in await connection.execute(_RECEIPTS, {"room_id": room_id})),
        {row.event_id: row.seq for row in events},
        frozenset(row.event_id for row in events if not row.is_message),
        {row.event_id: _status(row) for row in events},
        await marks_of(connection, room_id),
    )


def _status(row: Row[Any]) -> MessageStatus:
    if row.is_read:
        return "read"
    return "delivered" if row.is_delivered else "sent"


async def record_receipts(
    connection: AsyncConnection, *, place: Place, pushed: Iterable[Receipt], now: datetime
) -> None:
    """Record what the homeserver pushed of this room's readers. Who has read something new there is in it."""
    for receipt in pushed:
        reader = {"room_id": place.conversation_id, "user_id": receipt.user_id}
        is_new = await record_receipt(connection, **reader, event_id=receipt.event_id, at=receipt.at)
        if is_new and place.is_current:
            await note_found(connection, **reader, noted="invite", now=now)


async def record_receipt(
    connection: AsyncConnection, *, room_id: str, user_id: str, event_id: str, at: datetime
) -> bool:
    """Move somebody's receipt forward; one that is stale changes nothing, one on an event without a place waits.

    Whether it was moved. What the other side of a conversation has read by it becomes `read`.
    """
    place = {"room_id": room_id, "event_id": event_id}
    found = (await connection.execute(_PLACE, place)).one_or_none()
    reader = {"room_id": room_id, "user_id": user_id}
    if found is None:
        await _keep_early(connection, reader, event_id=event_id, at=at)
        return False
    seq = found.seq
    if found.is_before_late:
        seq = await reach(connection, room_id=room_id, seq=seq, sent_at=found.sent_at)
    last = (await connection.execute(_LAST, reader)).scalar_one_or_none()
    if last is not None and seq <= last:
        return False
    await mark_read(connection, room_id=room_id, reader=user_id, after=last or 0, up_to=seq, at=at)
    await upsert(connection, receipts, key=reader, values={"event_id": event_id, "seq": seq, "at": at})
    return True


async def reach_over_late(connection: AsyncConnection, room_id: str) -> None:
    """An event has got its place late: the receipts that it should have stood before reach over it."""
    for row in (await connection.execute(_OF_ROOM, {"room": room_id})).all():
        await record_receipt(
            connection, room_id=room_id, user_id=row.user_id, event_id=row.event_id, at=row.at
        )


async def settle_early_receipts(database: Database) -> None:
    """Record the receipts that waited for events which have their places now.

    A push that fails comes again later than what catching up has fetched, receipts among it.
    """
    async with database.read() as connection:
        if (await connection.execute(_IS_ANY_IN_PLACE)).first() is None:
            return
    async with database.write() as connection:
        for row in (await connection.execute(_IN_PLACE)).all():
            of_one = {"room": row.room_id, "reader": row.user_id, "event": row.event_id}
            await connection.execute(_SETTLED, of_one)
            await record_receipt(
                connection, room_id=row.room_id, user_id=row.user_id, event_id=row.event_id, at=row.at
            )


async def prune(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget receipts whose events never came."""
    await connection.execute(delete(early_receipts).where(early_receipts.c.at <= now - _EARLY_KEPT))


async def _keep_early(
    connection: AsyncConnection, reader: dict[str, str], *, event_id: str, at: datetime
) -> None:
    waiting = (await connection.execute(_EARLY, reader)).scalar_one_or_none()
    if waiting is None or waiting <= at:
        await upsert(connection, early_receipts, key=reader, values={"event_id": event_id, "at": at})
