"""Use cases of the care domain, each inside the transaction of the connection it is given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship, check_care
from appointments.errors import NotInCareTeamError
from appointments.events import CareChanged, CareEnded, CareStarted
from appointments.storage import care as table


async def start_care(
    connection: AsyncConnection,
    *,
    patient: str,
    professional: str,
    role: str,
    starts: datetime,
    ends: datetime | None,
    reason_sealed: bytes | None,
    now: datetime,
) -> CareStarted | CareChanged:
    """Enter a care relationship, or replace what was known of it.

    Raises SamePersonError, EmptyCarePeriodError; ValueError for a naive time.
    """
    care = CareRelationship(patient=patient, professional=professional, role=role, starts=starts, ends=ends)
    check_care(care)
    known = await table.find_for_update(connection, patient=patient, professional=professional)
    await table.store(connection, care, reason_sealed=reason_sealed, now=now)
    return CareStarted(care=care, at=now) if known is None else CareChanged(care=care, at=now)


async def end_care(
    connection: AsyncConnection, *, patient: str, professional: str, now: datetime
) -> CareEnded | None:
    """End a care relationship now. None when there was nothing to end, so it may be repeated."""
    care = await table.find_for_update(connection, patient=patient, professional=professional)
    if care is None or (care.ends is not None and care.ends <= now):
        return None
    await table.end(connection, care, now=now)
    return CareEnded(care=replace(care, ends=now), at=now)


async def list_care(
    connection: AsyncConnection, *, patient: str | None = None, professional: str | None = None
) -> Sequence[CareRelationship]:
    """Every care relationship, ended ones too, of this patient and this professional where given."""
    return await table.find_all(connection, patient=patient, professional=professional)


async def care_of(connection: AsyncConnection, user_id: str) -> Sequence[CareRelationship]:
    """Every care relationship of this person, as patient or as professional, ended ones too."""
    return await table.find_of(connection, user_id=user_id)


async def require_care(connection: AsyncConnection, *, a: str, b: str, now: datetime) -> CareRelationship:
    """The active relationship of these two, whoever of them is the patient. Raises NotInCareTeamError."""
    for care in await table.find_between(connection, a=a, b=b):
        if care.is_active(now):
            return care
    raise NotInCareTeamError(f"{a} and {b}")
