"""Care relationships with what the bridge adds: the sealed reason, the fact, which servers may take part."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import services
from appointments.events import CareChanged, CareEnded, CareStarted
from appointments.sealing import Sealer
from appointments.storage.care import find_reason
from bridge.errors import NotAPersonError, ServerNotAllowedError, Who
from bridge.facts import Fact, append
from bridge.storage.reviews import review_patient


async def start_care(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    servers: Collection[str],
    bots: Collection[str],
    patient: str,
    professional: str,
    role: str,
    starts: datetime,
    ends: datetime | None,
    reason: str | None,
    now: datetime,
) -> CareStarted | CareChanged:
    """Enter or replace a care relationship, with its fact `care.started` or `care.changed`.

    Raises ServerNotAllowedError when one of the two lives on none of `servers`, NotAPersonError when one is one of
    `bots`; SamePersonError, EmptyCarePeriodError; ValueError for a naive time.
    """
    require_person(patient, "patient", servers=servers, bots=bots)
    require_person(professional, "professional", servers=servers, bots=bots)
    sealed = None if reason is None else sealer.seal(reason.encode(), context=_context(patient, professional))
    happened = await services.start_care(
        connection,
        patient=patient,
        professional=professional,
        role=role,
        starts=starts,
        ends=ends,
        reason_sealed=sealed,
        now=now,
    )
    kind = "care.started" if isinstance(happened, CareStarted) else "care.changed"
    await append(connection, _fact(kind, patient=patient, professional=professional, now=now))
    await review_patient(connection, patient=patient, professional=professional, now=now)
    return happened


async def end_care(
    connection: AsyncConnection, *, patient: str, professional: str, now: datetime
) -> CareEnded | None:
    """End a care relationship now, with its fact `care.ended`; None when there was nothing to end."""
    ended = await services.end_care(connection, patient=patient, professional=professional, now=now)
    if ended is not None:
        await note_ended_care(connection, ended)
        await review_patient(connection, patient=patient, professional=professional, now=now)
    return ended


async def note_ended_care(connection: AsyncConnection, ended: CareEnded) -> None:
    """The fact `care.ended`."""
    care = ended.care
    fact = _fact("care.ended", patient=care.patient, professional=care.professional, now=ended.at)
    await append(connection, fact)


async def reason_of(
    connection: AsyncConnection, *, sealer: Sealer, patient: str, professional: str
) -> str | None:
    """Why this professional cares for this patient, if that was said."""
    sealed = await find_reason(connection, patient=patient, professional=professional)
    return None if sealed is None else sealer.open(sealed, context=_context(patient, professional)).decode()


def require_person(user_id: str, who: Who, *, servers: Collection[str], bots: Collection[str]) -> None:
    """Whoever is entered lives on one of `servers`, and is none of our `bots`, who would let words lie unread.

    Raises ServerNotAllowedError and NotAPersonError, with `who` this would be.
    """
    if server_of(user_id) not in servers:
        raise ServerNotAllowedError(who, server=server_of(user_id))
    if user_id in bots:
        raise NotAPersonError(who)


def server_of(user_id: str) -> str:
    """The server name in a Matrix user id."""
    return user_id.partition(":")[2]


def _fact(kind: str, *, patient: str, professional: str, now: datetime) -> Fact:
    return Fact(
        id=f"{kind}:{patient}:{professional}:{now.isoformat()}",
        kind=kind,
        subject=f"{patient} {professional}",
        at=now,
        data={"patient": patient, "professional": professional},
    )


def _context(patient: str, professional: str) -> str:
    return f"care_relationships:{patient}:{professional}"
