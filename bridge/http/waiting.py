"""The waiting list over REST: wait for an earlier time, take what is offered or leave it."""

from appointments import waiting_services as waiting
from appointments.waiting_services import Waiting
from bridge.http.appointment_models import AppointmentPath, OfferAnswer, WaitingAnswer
from bridge.http.appointments import get_appointment
from bridge.http.routing import Answer, Context, json_answer
from bridge.notices.appointment_facts import record_appointment


async def wait_for_earlier(context: Context, *, path: AppointmentPath) -> Answer:
    """POST /api/appointments/{id}/waiting."""
    services = context.services
    async with services.database.write() as connection:
        state = await waiting.wait_for_earlier(
            connection, appointment_id=path.id, by=context.acting_for, now=services.now()
        )
    return _answer(state)


async def get_waiting(context: Context, *, path: AppointmentPath) -> Answer:
    """GET /api/appointments/{id}/waiting."""
    services = context.services
    async with services.database.read() as connection:
        state = await waiting.waiting_of(
            connection, appointment_id=path.id, person=context.acting_for, now=services.now()
        )
    return _answer(state)


async def wait_no_longer(context: Context, *, path: AppointmentPath) -> Answer:
    """DELETE /api/appointments/{id}/waiting: 204, may be repeated."""
    services = context.services
    async with services.database.write() as connection:
        await waiting.wait_no_longer(
            connection,
            appointment_id=path.id,
            by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    return Answer(status=204)


async def accept_offer(context: Context, *, path: AppointmentPath) -> Answer:
    """POST /api/appointments/{id}/waiting/accept: the appointment at its earlier time."""
    services = context.services
    async with services.database.write() as connection:
        await waiting.accept_offer(
            connection,
            appointment_id=path.id,
            by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    return await get_appointment(context, path=path)


async def decline_offer(context: Context, *, path: AppointmentPath) -> Answer:
    """POST /api/appointments/{id}/waiting/decline: goes on waiting."""
    services = context.services
    async with services.database.write() as connection:
        await waiting.decline_offer(
            connection,
            appointment_id=path.id,
            by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    return await get_waiting(context, path=path)


def _answer(state: Waiting) -> Answer:
    return json_answer(
        WaitingAnswer(
            since=state.since,
            offer=None if state.offer is None else OfferAnswer.model_validate(state.offer),
        )
    )
