"""Who waits for an earlier time, in the order in which they said so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Table, Text, bindparam, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.storage.appointments import ALL, appointment_of, appointments
from appointments.storage.schema import Instant, metadata

waiting = Table(
    "waiting",
    metadata,
    Column("appointment_id", Text, ForeignKey("appointments.id"), primary_key=True),
    Column("since", Instant, nullable=False),
)

_c = appointments.c
_hold = appointments.alias()
_HAS_OPEN_OFFER = exists().where(_hold.c.holds_for == _c.id, _hold.c.status == "proposed")
_LINE = (
    ALL.join(waiting, waiting.c.appointment_id == _c.id)
    .where(
        _c.schedule_id == bindparam("schedule_id"),
        _c.status == "booked",
        _c.starts_at > bindparam("after"),
        ~_HAS_OPEN_OFFER,
    )
    .order_by(waiting.c.since, _c.id)
)
_SINCE = select(waiting.c.since).where(waiting.c.appointment_id == bindparam("id"))
_OFFERS = ALL.where(_c.holds_for == bindparam("id")).order_by(_c.starts_at)
_LAPSED = ALL.where(_c.status == "proposed", _c.answer_by <= bindparam("now")).order_by(_c.answer_by)


async def join(connection: AsyncConnection, appointment_id: str, *, now: datetime) -> None:
    """From now on this appointment's patient waits for an earlier time; whoever waits already keeps her place."""
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    await connection.execute(
        insert(waiting).values(appointment_id=appointment_id, since=now).on_conflict_do_nothing()
    )


async def leave(connection: AsyncConnection, appointment_id: str) -> None:
    """Nobody waits any more with this appointment. May be repeated."""
    await connection.execute(delete(waiting).where(waiting.c.appointment_id == appointment_id))


async def since(connection: AsyncConnection, appointment_id: str) -> datetime | None:
    """Since when somebody waits with this appointment."""
    found: datetime | None = (await connection.execute(_SINCE, {"id": appointment_id})).scalar_one_or_none()
    return found


async def line(connection: AsyncConnection, *, schedule_id: int, after: datetime) -> Sequence[Appointment]:
    """The appointments later than this with which somebody waits, first come first; none with an open offer."""
    rows = await connection.execute(_LINE, {"schedule_id": schedule_id, "after": after})
    return [appointment_of(row) for row in rows]


async def offers_for(connection: AsyncConnection, appointment_id: str) -> Sequence[Appointment]:
    """Every earlier time that was, or is, kept for this appointment."""
    return [appointment_of(row) for row in await connection.execute(_OFFERS, {"id": appointment_id})]


async def lapsed(connection: AsyncConnection, *, now: datetime) -> Sequence[Appointment]:
    """The kept times that nobody answered in time."""
    return [appointment_of(row) for row in await connection.execute(_LAPSED, {"now": now})]
