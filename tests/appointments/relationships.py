"""Care and representations, entered for tests."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.events import CareChanged, CareStarted, RepresentationChanged, RepresentationStarted
from appointments.representation import Scope
from appointments.services import start_care, start_representation


async def enter_care(
    connection: AsyncConnection,
    patient: str,
    professional: str,
    *,
    now: datetime,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> CareStarted | CareChanged:
    """The professional cares for the patient, by default from now on."""
    return await start_care(
        connection,
        patient=patient,
        professional=professional,
        role="gp",
        starts=starts or now,
        ends=ends,
        reason_sealed=None,
        now=now,
    )


async def enter_representation(
    connection: AsyncConnection,
    patient: str,
    representative: str,
    *scopes: Scope,
    now: datetime,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> RepresentationStarted | RepresentationChanged:
    """The representative may do this for the patient, by default from now on."""
    return await start_representation(
        connection,
        patient=patient,
        representative=representative,
        scopes=frozenset(scopes),
        starts=starts or now,
        ends=ends,
        reason_sealed=None,
        now=now,
    )
