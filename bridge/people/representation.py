"""Representations with what the bridge adds: the sealed reason, the fact, which servers may take part, the rooms."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import services
from appointments.events import RepresentationChanged, RepresentationEnded, RepresentationStarted
from appointments.representation import Scope
from appointments.sealing import Sealer
from bridge.facts import Fact, append
from bridge.people.care import require_person
from bridge.storage.reviews import review_patient


async def start_representation(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    servers: Collection[str],
    bots: Collection[str],
    patient: str,
    representative: str,
    scopes: frozenset[Scope],
    starts: datetime,
    ends: datetime | None,
    reason: str | None,
    now: datetime,
) -> RepresentationStarted | RepresentationChanged:
    """Enter or replace a representation, with its fact `representation.started` or `representation.changed`.

    Raises ServerNotAllowedError when one of the two lives on none of `servers`, NotAPersonError when one is one of
    `bots`; SelfRepresentationError, EmptyCarePeriodError, NoScopeError; ValueError for a naive time.
    """
    require_person(patient, "patient", servers=servers, bots=bots)
    require_person(representative, "representative", servers=servers, bots=bots)
    context = f"representations:{patient}:{representative}"
    happened = await services.start_representation(
        connection,
        patient=patient,
        representative=representative,
        scopes=scopes,
        starts=starts,
        ends=ends,
        reason_sealed=None if reason is None else sealer.seal(reason.encode(), context=context),
        now=now,
    )
    is_new = isinstance(happened, RepresentationStarted)
    await append(connection, _fact("started" if is_new else "changed", patient, representative, now=now))
    await review_patient(connection, patient=patient, now=now)
    return happened


async def end_representation(
    connection: AsyncConnection, *, patient: str, representative: str, now: datetime
) -> RepresentationEnded | None:
    """End a representation now, with its fact `representation.ended`; None when there was nothing to end."""
    ended = await services.end_representation(
        connection, patient=patient, representative=representative, now=now
    )
    if ended is not None:
        await note_ended_representation(connection, ended)
        await review_patient(connection, patient=patient, now=now)
    return ended


async def note_ended_representation(connection: AsyncConnection, ended: RepresentationEnded) -> None:
    """The fact `representation.ended`."""
    one = ended.representation
    await append(connection, _fact("ended", one.patient, one.representative, now=ended.at))


def _fact(what: str, patient: str, representative: str, *, now: datetime) -> Fact:
    kind = f"representation.{what}"
    return Fact(
        id=f"{kind}:{patient}:{representative}:{now.isoformat()}",
        kind=kind,
        subject=f"{patient} {representative}",
        at=now,
        data={"patient": patient, "representative": representative},
    )
