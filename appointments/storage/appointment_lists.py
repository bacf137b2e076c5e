"""Lists of appointments, in the order of their starts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.storage.appointments import ALL, appointment_of, appointments
from appointments.storage.schedules import schedules

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
