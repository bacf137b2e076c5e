"""Use cases of the care domain, each inside the transaction of the connection it is given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship, check_care
from appointments.events import (
    CareChanged,
    CareEnded,
    CareStarted,
    Departed,
    RepresentationChanged,
    RepresentationEnded,
    RepresentationStarted,
)
from appointments.representation import Representation, Scope, check_representation
from appointments.storage import care as table
from appointments.storage import departures
from appointments.storage import representation as representations


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


async def start_representation(
    connection: AsyncConnection,
    *,
    patient: str,
    representative: str,
    scopes: frozenset[Scope],
    starts: datetime,
    ends: datetime | None,
    reason_sealed: bytes | None,
    now: datetime,
) -> RepresentationStarted | RepresentationChanged:
    """Enter a representation, or replace what was known of it.

    Raises SelfRepresentationError, EmptyCarePeriodError, NoScopeError; ValueError for a naive time.
    """
    representation = Representation(
        patient=patient, representative=representative, scopes=scopes, starts=starts, ends=ends
    )
    check_representation(representation)
    known = await representations.find_for_update(connection, patient=patient, representative=representative)
    await representations.store(connection, representation, reason_sealed=reason_sealed, now=now)
    happened = RepresentationStarted if known is None else RepresentationChanged
    return happened(representation=representation, at=now)


async def end_representation(
    connection: AsyncConnection, *, patient: str, representative: str, now: datetime
) -> RepresentationEnded | None:
    """End a representation now. None when there was nothing to end, so it may be repeated."""
    known = await representations.find_for_update(connection, patient=patient, representative=representative)
    if known is None or (known.ends is not None and known.ends <= now):
        return None
    await representations.end(connection, known, now=now)
    return RepresentationEnded(representation=replace(known, ends=now), at=now)


async def list_representations(
    connection: AsyncConnection, *, patient: str | None = None, representative: str | None = None
) -> Sequence[Representation]:
    """Every representation, ended ones too, of this patient and by this representative where given."""
    return await representations.find_all(connection, patient=patient, representative=representative)


async def depart(connection: AsyncConnection, *, professional: str, now: datetime) -> Departed:
    """This professional leaves: all her care and representation of others ends now. May be repeated.

    What she is as a patient stays. Care that is entered again afterwards holds.
    """
    cared = await table.find_open_of(connection, professional=professional, now=now)
    acted = await representations.find_all(connection, representative=professional)
    care = [
        await end_care(connection, patient=one.patient, professional=professional, now=now) for one in cared
    ]
    acts = [
        await end_representation(connection, patient=one.patient, representative=professional, now=now)
        for one in acted
    ]
    await departures.store(connection, professional, at=now)
    return Departed(
        professional=professional,
        care=tuple(one for one in care if one is not None),
        representations=tuple(one for one in acts if one is not None),
        at=now,
    )
