"""The table of appointments, and single ones found and stored. Two never hold the same time (no_overlap.py)."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.errors import SlotTakenError, VersionChangedError
from appointments.intervals import Interval
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

_c = appointments.c
ALL = select(appointments, schedules.c.professional, schedules.c.zone).join(schedules)
_ONE = ALL.where(_c.id == bindparam("id"))
_REASONS = select(_c.reason_sealed, _c.cancel_reason_sealed).where(_c.id == bindparam("id"))
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
