"""Whether what was planned to be said of an appointment still holds: asked right before it is said.

And once more before a message leaves the outbox, which may be long after, when the homeserver was down.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NotInCareTeamError
from appointments.reminders import Reminder, is_worth_sending
from appointments.sealing import Sealer
from appointments.storage.appointments import find
from bridge.notifications import ledger
from bridge.notifications.errors import NotNowError, NotWantedError
from bridge.notifications.ledger import Delivery
from bridge.reminding.notices import delivery_id_of
from bridge.storage.sends import DELIVERY_PREFIX

DIGEST = "appointment.digest"
REMINDER = "appointment.reminder"
_WORDS_HOLD = timedelta(minutes=3)
"""So long "in ten minutes" is near enough to the truth."""


async def require_current(connection: AsyncConnection, delivery: Delivery, *, now: datetime) -> Appointment:
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


async def require_still_said(
    connection: AsyncConnection, row: Row[Any], *, sealer: Sealer, now: datetime
) -> None:
    """This row of the outbox may leave, if it says something for the ledger of deliveries.

    Raises NotWantedError; NotNowError when a reminder needs other words by now: the next try finds them.
    """
    if not row.id.startswith(DELIVERY_PREFIX):
        return
    delivery = await ledger.find_open(connection, delivery_id_of(row.id), sealer=sealer)
    if delivery is None:
        raise NotWantedError
    if delivery.kind == DIGEST:
        return
    await require_current(connection, delivery, now=now)
    if delivery.kind == REMINDER and now - row.accepted_at > _WORDS_HOLD:
        raise NotNowError(now)


def _is_wanted(delivery: Delivery, appointment: Appointment, now: datetime) -> bool:
    if appointment.status != "booked":
        return False
    at, later = datetime.fromisoformat(delivery.data["at"]), delivery.data["later"]
    reminder = Reminder(at, timedelta(minutes=delivery.data["before"]))
    times = [datetime.fromisoformat(one) for one in later]
    return is_worth_sending(reminder, start=appointment.start, now=now, later=times)
