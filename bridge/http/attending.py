"""Who came to an appointment over REST: said by its professional, or by the clinic (a key that acts for nobody)."""

from collections.abc import Mapping
from typing import Any

from appointments.appointment_access import require_allowed_on
from appointments.attendance_services import attend
from appointments.booking import Attendance
from appointments.booking_services import require_appointment
from bridge.http.appointment_models import AppointmentPath, AttendAppointment
from bridge.http.appointments import answer_with
from bridge.http.routing import Answer, Context
from bridge.notices.appointment_facts import record_appointment


async def arrive_appointment(context: Context, *, path: AppointmentPath, body: AttendAppointment) -> Answer:
    """POST /api/appointments/{id}/arrive: may be repeated."""
    return await _attend(context, path, body, "arrive")


async def fulfil_appointment(context: Context, *, path: AppointmentPath, body: AttendAppointment) -> Answer:
    """POST /api/appointments/{id}/fulfil: may be repeated."""
    return await _attend(context, path, body, "fulfil")


async def noshow_appointment(context: Context, *, path: AppointmentPath, body: AttendAppointment) -> Answer:
    """POST /api/appointments/{id}/noshow: may be repeated."""
    return await _attend(context, path, body, "miss")


async def refuse_unknown(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 404 for what is not there, or not this person's; 403 for who may not say it."""
    services = context.services
    async with services.database.read() as connection:
        found = await require_appointment(connection, str(raw["path"]["id"]))
        if context.acting_for:
            await require_allowed_on(
                connection, found, person=context.acting_for, action="attend", now=services.now()
            )


async def _attend(
    context: Context, path: AppointmentPath, body: AttendAppointment, what: Attendance
) -> Answer:
    services = context.services
    async with services.database.write() as connection:
        attended = await attend(
            connection,
            appointment_id=path.id,
            what=what,
            version=body.version,
            by=context.acting_for or None,
            now=services.now(),
            record=record_appointment,
        )
    return await answer_with(context, attended)
