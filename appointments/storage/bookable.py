"""All that a booking has to know before it is written, in one statement: each is a round trip to PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship
from appointments.representation import SCOPES, Representation
from appointments.storage.care import care_relationships, has_left
from appointments.storage.representation import representations
from appointments.storage.schedules import COLUMNS, StoredSchedule, schedules, stored_schedule

_s, _c, _r = schedules.c, care_relationships.c, representations.c
_IS_CARE = and_(_c.patient == bindparam("patient"), _c.professional == _s.professional)
_LOCKED = (
    select(
        *COLUMNS,
        *(_c.role, _c.starts_at.label("care_starts_at"), _c.ends_at.label("care_ends_at")),
        has_left().label("departed"),
        *(_r.representative, _r.starts_at, _r.ends_at),
        *(_r[scope] for scope in SCOPES),
    )
    .select_from(
        schedules.outerjoin(care_relationships, _IS_CARE).outerjoin(
            representations, _r.patient == bindparam("patient")
        )
    )
    .where(_s.professional == bindparam("professional"))
    .order_by(_r.representative)
    .with_for_update(of=schedules)
)


@dataclass(frozen=True, slots=True)
class Bookable:
    """A professional's schedule, her care for a patient, and all who ever represented the patient."""

    stored: StoredSchedule
    care: CareRelationship | None
    acts: Sequence[Representation]


async def find_for_update(connection: AsyncConnection, *, patient: str, professional: str) -> Bookable | None:
    """What is known, the schedule's row locked until the transaction ends; None when there is no schedule."""
    asked = {"patient": patient, "professional": professional}
    rows = (await connection.execute(_LOCKED, asked)).all()
    if not rows:
        return None
    return Bookable(
        stored=stored_schedule(rows[0]),
        care=_care(rows[0], patient),
        acts=[_act(row, patient) for row in rows if row.representative is not None],
    )


def _care(row: Row[*tuple[Any, ...]], patient: str) -> CareRelationship | None:
    if row.role is None:
        return None
    return CareRelationship(
        patient=patient,
        professional=row.professional,
        role=row.role,
        starts=row.care_starts_at,
        ends=row.care_ends_at,
        departed=bool(row.departed),
    )


def _act(row: Row[*tuple[Any, ...]], patient: str) -> Representation:
    return Representation(
        patient=patient,
        representative=row.representative,
        scopes=frozenset(scope for scope in SCOPES if getattr(row, scope)),
        starts=row.starts_at,
        ends=row.ends_at,
    )
