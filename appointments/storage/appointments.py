"""The table of appointments and the statements over it. Two of them never hold the same time (no_overlap.py)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    ScalarSelect,
    Select,
    Table,
    Text,
    bindparam,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import HOLDING, Appointment
from appointments.errors import SlotTakenError, VersionChangedError
from appointments.intervals import Interval
from appointments.schedules import LONGEST_BLOCK
from appointments.storage.no_overlap import is_overlap, refuse_overlaps
from appointments.storage.schedules import schedules
from appointments.storage.schema import Instant, metadata

appointments = Table(
    "appointments",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "schedule_id",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("schedules.id"),
        nullable=False,
    ),
    Column("patient", Text, nullable=False),
    Column("visit_type", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("blocked_from", Instant, nullable=False),
    Column("blocked_until", Instant, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("booked_by", Text, nullable=False),
    Column("series_id", Text, nullable=True),
    Column("holds_for", Text, nullable=True),
    Column("answer_by", Instant, nullable=True),
    Column("reason_sealed", LargeBinary, nullable=True),
    Column("cancel_reason_sealed", LargeBinary, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint(
        "blocked_from <= starts_at AND starts_at < ends_at AND ends_at <= blocked_until", "order"
    ),
)
Index("ix_appointments_schedule", appointments.c.schedule_id, appointments.c.blocked_from)
Index("ix_appointments_patient", appointments.c.patient, appointments.c.starts_at)
Index("ix_appointments_series", appointments.c.series_id)
# Without the others, that hold nothing: SQLite would look for "no hold" here, and find every appointment.
Index(
    "ix_appointments_holds",
    appointments.c.holds_for,
    sqlite_where=appointments.c.holds_for.is_not(None),
    postgresql_where=appointments.c.holds_for.is_not(None),
)
Index("ix_appointments_answer", appointments.c.status, appointments.c.answer_by)
refuse_overlaps(appointments)

Place = tuple[datetime, str]
"""Where an appointment stands in the order of lists: its start and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which appointments: those that start in [start, end), in these states, of this patient, with this professional.

    Whatever is left out may be anything.
    """

    start: datetime | None = None
    end: datetime | None = None
    statuses: Collection[str] = ()
    patient: str | None = None
    professional: str | None = None


_c = appointments.c
ALL = select(appointments, schedules.c.professional, schedules.c.zone).join(schedules)
_ONE = ALL.where(_c.id == bindparam("id"))
_REASONS = select(_c.reason_sealed, _c.cancel_reason_sealed).where(_c.id == bindparam("id"))
_BLOCKED = (
    select(_c.blocked_from, _c.blocked_until)
    .where(
        _c.schedule_id == bindparam("schedule_id"),
        _c.status.in_(HOLDING),
        _c.blocked_from < bindparam("until"),
        _c.blocked_from > bindparam("earliest"),
        _c.blocked_until > bindparam("since"),
    )
    .order_by(_c.blocked_from)
)
_BLOCKED_BESIDES = _BLOCKED.where(_c.id.not_in(bindparam("besides", expanding=True)))
_ALL_BLOCKED = (
    select(_c.schedule_id, _c.blocked_from, _c.blocked_until)
    .where(
        _c.schedule_id.in_(bindparam("schedule_ids", expanding=True)),
        _c.status.in_(HOLDING),
        _c.blocked_from < bindparam("until"),
        _c.blocked_from > bindparam("earliest"),
        _c.blocked_until > bindparam("since"),
    )
    .order_by(_c.schedule_id, _c.blocked_from)
)
# PostgreSQL's own refusal of an overlap would end the transaction; SQLite's trigger ends the statement only.
_INSERT = {
    "sqlite": sqlite.insert(appointments).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(appointments).on_conflict_do_nothing(),
}
_CHANGE = update(appointments).where(_c.id == bindparam("which"), _c.version == bindparam("known"))


def appointment_of(row: Row[*tuple[Any, ...]]) -> Appointment:
    """The appointment in a row of `ALL`."""
    return Appointment(
        id=row.id,
        patient=row.patient,
        professional=row.professional,
        visit_type=row.visit_type,
        start=row.starts_at,
        end=row.ends_at,
        blocked=Interval(row.blocked_from, row.blocked_until),
        zone=row.zone,
        status=row.status,
        version=row.version,
        sequence=row.sequence,
        booked_by=row.booked_by,
        updated_at=row.updated_at,
        series_id=row.series_id,
        holds_for=row.holds_for,
        answer_by=row.answer_by,
    )


async def find(connection: AsyncConnection, appointment_id: str) -> Appointment | None:
    """The appointment with this id, holds of the waiting list too."""
    row = (await connection.execute(_ONE, {"id": appointment_id})).one_or_none()
    return None if row is None else appointment_of(row)


async def find_reasons(connection: AsyncConnection, appointment_id: str) -> tuple[bytes | None, bytes | None]:
    """Why it was made, and why cancelled, both sealed."""
    row = (await connection.execute(_REASONS, {"id": appointment_id})).one()
    return row.reason_sealed, row.cancel_reason_sealed


async def find_of(
    connection: AsyncConnection,
    *,
    patients: Collection[str],
    person: str,
    wanted: Wanted,
    after: Place | None = None,
    limit: int | None = None,
) -> Sequence[Appointment]:
    """Those of any of these patients, or of this person's own schedule, in order; no holds."""
    own = or_(_c.patient.in_(patients), _c.schedule_id == _schedule_of(person))
    return await _found(connection, _narrowed(wanted, after=after, limit=limit).where(own))


async def find_all(
    connection: AsyncConnection, *, wanted: Wanted, after: Place | None = None, limit: int | None = None
) -> Sequence[Appointment]:
    """Everybody's that are wanted, in order; no holds."""
    return await _found(connection, _narrowed(wanted, after=after, limit=limit))


async def find_blocked(
    connection: AsyncConnection, *, schedule_id: int, window: Interval, besides: Collection[str] = ()
) -> list[Interval]:
    """What is blocked on this schedule and overlaps the window, but for the appointments `besides`."""
    asked: dict[str, Any] = {
        "schedule_id": schedule_id,
        "since": window.start,
        "until": window.end,
        "earliest": window.start - LONGEST_BLOCK,
    }
    if besides:
        rows = await connection.execute(_BLOCKED_BESIDES, asked | {"besides": list(besides)})
    else:
        rows = await connection.execute(_BLOCKED, asked)
    return [Interval(row.blocked_from, row.blocked_until) for row in rows]


async def find_all_blocked(
    connection: AsyncConnection, *, schedule_ids: Collection[int], window: Interval
) -> Mapping[int, list[Interval]]:
    """The same for each of several schedules, where there is anything."""
    rows = await connection.execute(
        _ALL_BLOCKED,
        {
            "schedule_ids": list(schedule_ids),
            "since": window.start,
            "until": window.end,
            "earliest": window.start - LONGEST_BLOCK,
        },
    )
    blocked: dict[int, list[Interval]] = {}
    for row in rows:
        blocked.setdefault(row.schedule_id, []).append(Interval(row.blocked_from, row.blocked_until))
    return blocked


async def store_new(
    connection: AsyncConnection,
    appointment: Appointment,
    *,
    schedule_id: int,
    reason_sealed: bytes | None,
    now: datetime,
) -> None:
    """Insert it. Raises SlotTakenError when somebody has the time, or the id; the transaction may go on then."""
    values = _changeable(appointment) | {
        "id": appointment.id,
        "schedule_id": schedule_id,
        "patient": appointment.patient,
        "visit_type": appointment.visit_type,
        "booked_by": appointment.booked_by,
        "series_id": appointment.series_id,
        "holds_for": appointment.holds_for,
        "answer_by": appointment.answer_by,
        "reason_sealed": reason_sealed,
        "created_at": now,
    }
    if await _or_taken(connection, _INSERT[connection.dialect.name], values) != 1:
        raise SlotTakenError(appointment.id)


async def store_changed(
    connection: AsyncConnection, appointment: Appointment, *, cancel_reason_sealed: bytes | None = None
) -> None:
    """Replace the version before this one. Raises SlotTakenError; VersionChangedError when that was replaced."""
    values = _changeable(appointment)
    if cancel_reason_sealed is not None:
        values["cancel_reason_sealed"] = cancel_reason_sealed
    statement = _CHANGE.values(**{name: bindparam(f"new_{name}") for name in values})
    parameters = {f"new_{name}": value for name, value in values.items()}
    parameters |= {"which": appointment.id, "known": appointment.version - 1}
    if await _or_taken(connection, statement, parameters) != 1:
        raise VersionChangedError(appointment.id)


def _narrowed(wanted: Wanted, *, after: Place | None, limit: int | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [_c.holds_for.is_(None)]
    if wanted.start is not None:
        conditions.append(_c.starts_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(_c.starts_at < wanted.end)
    if wanted.statuses:
        conditions.append(_c.status.in_(wanted.statuses))
    if wanted.patient is not None:
        conditions.append(_c.patient == wanted.patient)
    if wanted.professional is not None:
        conditions.append(_c.schedule_id == _schedule_of(wanted.professional))
    if after is not None:
        start, last_id = after
        conditions += [_c.starts_at >= start, or_(_c.starts_at > start, _c.id > last_id)]
    return ALL.where(*conditions).order_by(_c.starts_at, _c.id).limit(limit)


def _schedule_of(professional: str) -> ScalarSelect[int]:
    # Asked of the table of appointments alone, so that its indexes answer.
    return select(schedules.c.id).where(schedules.c.professional == professional).scalar_subquery()


async def _found(connection: AsyncConnection, statement: Select[Any]) -> Sequence[Appointment]:
    return [appointment_of(row) for row in await connection.execute(statement)]


def _changeable(appointment: Appointment) -> dict[str, Any]:
    return {
        "starts_at": appointment.start,
        "ends_at": appointment.end,
        "blocked_from": appointment.blocked.start,
        "blocked_until": appointment.blocked.end,
        "status": appointment.status,
        "version": appointment.version,
        "sequence": appointment.sequence,
        "updated_at": appointment.updated_at,
    }


async def _or_taken(connection: AsyncConnection, statement: Any, values: dict[str, Any]) -> int:
    try:
        return (await connection.execute(statement, values)).rowcount
    except IntegrityError as error:
        if not is_overlap(error):
            raise
        raise SlotTakenError(values.get("id", values.get("which"))) from error
