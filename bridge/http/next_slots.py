"""Refusals of a time that say which ones are free instead."""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking_services import appointment_for, offered_slots
from appointments.errors import NotOfferedError, SeriesTakenError, SlotTakenError
from appointments.slots import Slot
from bridge.http.fields import format_instant
from bridge.http.ports import Services
from bridge.http.problem_models import SlotDocument
from bridge.http.problems import Problem, ProblemError
from bridge.http.refusals import as_problem

_SO_MANY = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """The time that is asked for: of a professional, or for the appointment that `by` moves."""

    start: datetime
    professional: str = ""
    visit_type: str | None = None
    moving: str | None = None
    by: str = ""


@asynccontextmanager
async def naming_free_slots(services: Services, wanted: Wanted) -> AsyncGenerator[None]:
    """Around booking or moving: a refusal of the time gets the next free ones, from that time on."""
    try:
        yield
    except (SlotTakenError, NotOfferedError) as error:
        raise await _with_slots(as_problem(error), services, wanted) from error
    except SeriesTakenError as error:
        conflicts = [format_instant(one) for one in error.conflicts]
        refusal = ProblemError(
            Problem.SLOT_TAKEN, detail_key="problem.slot-taken.series", members={"conflicts": conflicts}
        )
        raise await _with_slots(refusal, services, wanted) from error


async def _with_slots(refusal: ProblemError, services: Services, wanted: Wanted) -> ProblemError:
    now = services.now()
    besides: Collection[str] = ()
    async with services.database.read() as connection:
        if wanted.moving is not None:
            known = await appointment_for(connection, appointment_id=wanted.moving, person=wanted.by, now=now)
            wanted = replace(wanted, professional=known.professional, visit_type=known.visit_type)
            besides = [known.id]
        slots = await _next(connection, wanted, since=max(wanted.start, now), besides=besides, now=now)
        slots = slots or await _next(connection, wanted, since=now, besides=besides, now=now)
    refusal.members["slots"] = [
        SlotDocument(start=one.start, end=one.end, visit_type=one.visit_type).model_dump() for one in slots
    ]
    return refusal


async def _next(
    connection: AsyncConnection, wanted: Wanted, *, since: datetime, besides: Collection[str], now: datetime
) -> list[Slot]:
    return await offered_slots(
        connection,
        professional=wanted.professional,
        visit_type=wanted.visit_type,
        start=since,
        limit=_SO_MANY,
        besides=besides,
        now=now,
    )
