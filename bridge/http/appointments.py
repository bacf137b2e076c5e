"""Appointments over REST: booked, found, moved, cancelled."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from appointments import booking_services as booking
from appointments.appointment_access import require_allowed, require_allowed_on
from appointments.booking import Appointment
from appointments.series_services import book_series as enter_series
from bridge import bookings
from bridge.bookings import ShownAppointment, seal_reason, shown
from bridge.http.appointment_models import (
    AppointmentAnswer,
    AppointmentPath,
    BookAppointment,
    BookSeries,
    CancelAppointment,
    MoveAppointment,
    ReasonsAnswer,
    SeriesAnswer,
)
from bridge.http.fields import UserId
from bridge.http.next_slots import Wanted, naming_free_slots
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.routing import Answer, Context, json_answer
from bridge.notices.appointment_facts import record_appointment

_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


async def book_appointment(context: Context, *, body: BookAppointment) -> Answer:
    """POST /api/appointments."""
    services = context.services
    patient = _patient(context, body)
    sealed = seal_reason(services.sealer, body.reason, appointment_id=context.operation_id, what="reason")
    wanted = Wanted(body.start, body.professional, body.visit_type)
    async with naming_free_slots(services, wanted), services.database.write() as connection:
        booked = await booking.book(
            connection,
            appointment_id=context.operation_id,
            professional=body.professional,
            patient=patient,
            start=body.start,
            visit_type=body.visit_type,
            booked_by=context.acting_for,
            reason_sealed=sealed,
            now=services.now(),
            record=record_appointment,
        )
    return await answer_with(context, booked, status=201)


async def book_series(context: Context, *, body: BookSeries) -> Answer:
    """POST /api/appointment-series: all of them, or none."""
    services = context.services
    patient = _patient(context, body)
    wanted = Wanted(body.start, body.professional, body.visit_type)
    async with naming_free_slots(services, wanted), services.database.write() as connection:
        booked = await enter_series(
            connection,
            series_id=context.operation_id,
            professional=body.professional,
            patient=patient,
            start=body.start,
            every_weeks=body.every_weeks,
            count=body.count,
            visit_type=body.visit_type,
            booked_by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    made = SeriesAnswer(series_id=context.operation_id, appointments=await answers_with(context, booked))
    return json_answer(made, status=201)


async def refuse_booking(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 403 for somebody without care."""
    body = raw["body"] if isinstance(raw["body"], dict) else {}
    try:
        professional = _USER_ID.validate_python(body.get("professional"), strict=True)
        patient = _USER_ID.validate_python(body.get("patient") or context.acting_for, strict=True)
    except ValidationError:
        return
    if patient == professional == context.acting_for:
        return
    async with context.services.database.read() as connection:
        await require_allowed(
            connection,
            person=context.acting_for,
            patient=patient,
            professional=professional,
            action="book",
            now=context.services.now(),
        )


async def get_appointment(context: Context, *, path: AppointmentPath) -> Answer:
    """GET /api/appointments/{id}."""
    return await answer_with(context, await find(context, path.id))


async def get_reasons(context: Context, *, path: AppointmentPath) -> Answer:
    """GET /api/appointments/{id}/reasons."""
    services = context.services
    found = await find(context, path.id)
    async with services.database.read() as connection:
        await require_allowed_on(
            connection, found, person=context.acting_for, action="reason", now=services.now()
        )
        reasons = await bookings.reasons_of(connection, sealer=services.sealer, appointment_id=found.id)
    return json_answer(ReasonsAnswer.model_validate(reasons))


async def move_appointment(context: Context, *, path: AppointmentPath, body: MoveAppointment) -> Answer:
    """PATCH /api/appointments/{id}."""
    services = context.services
    wanted = Wanted(body.start, moving=path.id, by=context.acting_for)
    async with naming_free_slots(services, wanted), services.database.write() as connection:
        moved = await booking.move(
            connection,
            appointment_id=path.id,
            start=body.start,
            version=body.version,
            by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    return await answer_with(context, moved)


async def cancel_appointment(context: Context, *, path: AppointmentPath, body: CancelAppointment) -> Answer:
    """POST /api/appointments/{id}/cancel: may be repeated."""
    services = context.services
    sealed = seal_reason(services.sealer, body.reason, appointment_id=path.id, what="cancel")
    async with services.database.write() as connection:
        cancelled = await booking.cancel(
            connection,
            appointment_id=path.id,
            reason_sealed=sealed,
            version=body.version,
            by=context.acting_for,
            now=services.now(),
            record=record_appointment,
        )
    return await answer_with(context, cancelled)


async def refuse_unknown(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 404 for an appointment that is not this person's."""
    await find(context, str(raw["path"]["id"]))


async def find(context: Context, appointment_id: str) -> Appointment:
    """The appointment, if the caller may see it. Raises NoAppointmentError."""
    services = context.services
    async with services.database.read() as connection:
        return await booking.appointment_for(
            connection, appointment_id=appointment_id, person=context.acting_for, now=services.now()
        )


def _patient(context: Context, body: BookAppointment | BookSeries) -> str:
    if body.patient is None and body.professional == context.acting_for:
        raise ProblemError(Problem.VALIDATION, errors=[FieldError("pointer", "#/patient", "missing")])
    return body.patient or context.acting_for


async def answer_with(context: Context, one: Appointment, *, status: int = 200) -> Answer:
    """The appointment, as it is now."""
    return json_answer((await answers_with(context, [one]))[0], status=status)


async def answers_with(context: Context, found: Sequence[Appointment]) -> list[AppointmentAnswer]:
    """These appointments, as they are now."""
    services = context.services
    async with services.database.read() as connection:
        return [_model(one) for one in await shown(connection, found, settings=services.settings)]


def _model(one: ShownAppointment) -> AppointmentAnswer:
    appointment = one.appointment
    return AppointmentAnswer(
        id=appointment.id,
        professional=appointment.professional,
        patient=appointment.patient,
        start=appointment.start,
        end=appointment.end,
        status=appointment.status,
        visit_type=appointment.visit_type,
        conversation_id=one.conversation_id,
        call_id=None,
        join_url=one.join_url,
        version=appointment.version,
    )
