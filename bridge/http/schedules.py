"""Schedules of professionals, and what is free, over REST."""

from collections.abc import Generator
from contextlib import contextmanager

from appointments.appointment_access import require_slots_shown, whose_slots
from appointments.booking_services import offered_slots
from appointments.errors import UnknownVisitTypeError
from appointments.schedule_services import put_schedule as enter_schedule
from appointments.schedule_services import schedule_of
from appointments.several import next_of_several
from bridge.http.problems import Problem, ProblemError
from bridge.http.refusals import of_visit_type
from bridge.http.routing import Answer, Context, json_answer
from bridge.http.schedule_models import (
    AnySlotsAnswer,
    ProfessionalPath,
    ScheduleModel,
    SlotAnswer,
    SlotsAnswer,
    SlotsQuery,
    SlotWithAnswer,
)
from bridge.people.care import require_person


async def put_schedule(context: Context, *, path: ProfessionalPath, body: ScheduleModel) -> Answer:
    """PUT /api/professionals/{user_id}/schedule: 201 for a first one, 200 for another."""
    _require_own(context, path)
    services = context.services
    settings = services.settings
    require_person(path.user_id, "professional", servers=settings.homeserver.servers, bots=settings.bots)
    holidays = services.settings.clinic.holidays
    schedule = body.schedule(clinics=None if holidays is None else holidays.region)
    async with services.database.write() as connection:
        is_new = await enter_schedule(
            connection, professional=path.user_id, schedule=schedule, now=services.now()
        )
    return json_answer(ScheduleModel.of(schedule), status=201 if is_new else 200)


async def get_schedule(context: Context, *, path: ProfessionalPath) -> Answer:
    """GET /api/professionals/{user_id}/schedule."""
    _require_own(context, path)
    async with context.services.database.read() as connection:
        schedule = await schedule_of(connection, path.user_id)
    if schedule is None:
        raise ProblemError(Problem.NOT_FOUND)
    return json_answer(ScheduleModel.of(schedule))


async def get_slots(context: Context, *, path: ProfessionalPath, query: SlotsQuery) -> Answer:
    """GET /api/professionals/{user_id}/slots."""
    services = context.services
    now = services.now()
    async with services.database.read() as connection:
        if context.acting_for:
            await require_slots_shown(
                connection, person=context.acting_for, professional=path.user_id, now=now
            )
        with _naming_known_visit_types():
            slots = await offered_slots(
                connection,
                professional=path.user_id,
                visit_type=query.visit_type,
                start=query.start,
                end=query.end,
                limit=query.limit,
                now=now,
            )
    return json_answer(SlotsAnswer(slots=[SlotAnswer.model_validate(slot) for slot in slots]))


async def get_any_slots(context: Context, *, query: SlotsQuery) -> Answer:
    """GET /api/slots."""
    services = context.services
    now = services.now()
    async with services.database.read() as connection:
        professionals = await whose_slots(connection, context.acting_for, now=now)
        with _naming_known_visit_types():
            found = await next_of_several(
                connection,
                professionals=professionals,
                visit_type=query.visit_type,
                start=query.start,
                end=query.end,
                limit=query.limit,
                now=now,
            )
    slots = [
        SlotWithAnswer(
            professional=one.professional,
            start=one.slot.start,
            end=one.slot.end,
            visit_type=one.slot.visit_type,
        )
        for one in found
    ]
    return json_answer(AnySlotsAnswer(slots=slots))


@contextmanager
def _naming_known_visit_types() -> Generator[None]:
    try:
        yield
    except UnknownVisitTypeError as error:
        raise of_visit_type(error, place="parameter", name="visit_type") from None


def _require_own(context: Context, path: ProfessionalPath) -> None:
    # A key that acts for nobody keeps everybody's schedule; a person only her own.
    if context.acting_for not in ("", path.user_id):
        raise ProblemError(Problem.NOT_FOUND)
