"""Whether what was planned to be said of an appointment still holds: asked right before it is said."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NotInCareTeamError
from appointments.reminders import Reminder, is_worth_sending
from appointments.storage.appointments import find
from bridge.notifications.errors import NotWantedError
from bridge.notifications.ledger import Claimed

REMINDER = "appointment.reminder"


async def require_current(connection: AsyncConnection, delivery: Claimed, *, now: datetime) -> Appointment:
    """The appointment as it was when this was planned, for somebody who may still know of it.

    Raises NotWantedError: it changed since, she takes no part any more, or a reminder comes too late.
    """
    appointment = await find(connection, delivery.subject)
    if appointment is None or appointment.version != delivery.data.get("version"):
        raise NotWantedError
    try:
        await require_allowed_on(connection, appointment, person=delivery.person, action="see", now=now)
    except (NoAppointmentError, NotInCareTeamError) as error:
        raise NotWantedError from error
    if delivery.kind == REMINDER and not _is_wanted(delivery, appointment, now):
        raise NotWantedError
    return appointment


def _is_wanted(delivery: Claimed, appointment: Appointment, now: datetime) -> bool:
    if appointment.status != "booked":
        return False
    at, later = datetime.fromisoformat(delivery.data["at"]), delivery.data["later"]
    reminder = Reminder(at, timedelta(minutes=delivery.data["before"]))
    times = [datetime.fromisoformat(one) for one in later]
    return is_worth_sending(reminder, start=appointment.start, now=now, later=times)
