"""Whether what was planned to be said of an appointment still holds: asked right before it is said.

And once more before a message leaves the outbox, which may be long after, when the homeserver was down.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import require_allowed_on
from appointments.appointment_permissions import AppointmentAction
from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NotInCareTeamError
from appointments.reminders import Reminder, is_worth_sending
from appointments.sealing import Sealer
from appointments.storage.appointments import find
from bridge.clock import Now
from bridge.deliveries import ledger, preferences
from bridge.deliveries.errors import NotNowError, NotWantedError
from bridge.deliveries.ledger import Delivery
from bridge.deliveries.preferences import Preferences
from bridge.notices.kinds import DELAY, DIGEST, OFFER, REMINDER
from bridge.notices.notices import delivery_id_of
from bridge.notices.settings import ReminderSettings
from bridge.notices.telling import quiet_hours_of
from bridge.storage.sends import DELIVERY_PREFIX

_WORDS_HOLD = {REMINDER: timedelta(minutes=3), DIGEST: timedelta(hours=1)}
"""So long "in ten minutes" is near enough to the truth, and what is left of a day."""

_STILL_PUNCTUAL = timedelta(minutes=10)
"""What was planned for right before somebody's quiet hours may take so long to arrive."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What may be told now, and how the person wants to be told."""

    appointment: Appointment
    wanted: Preferences


class Judging:
    """What each channel asks right before it tells somebody of an appointment."""

    def __init__(self, *, sealer: Sealer, settings: ReminderSettings, now: Now) -> None:
        self.sealer = sealer
        self._settings = settings
        self._now = now

    async def require_wanted(self, connection: AsyncConnection, delivery: Delivery) -> Judged:
        """It still holds, and she wants it, this way and now, whatever she wanted when it was planned.

        Raises NotWantedError; NotNowError while her quiet hours last, if it is of use after them.
        """
        appointment = await require_current(connection, delivery, now=self._now())
        known = await preferences.get(connection, sealer=self.sealer, person=delivery.person)
        wanted = known or Preferences()
        if not _takes(wanted, delivery):
            raise NotWantedError
        until = await self._quiet_until(connection, delivery, wanted)
        if until is not None and _can_wait(appointment, until):
            raise NotNowError(until)
        if until is not None and delivery.kind == REMINDER:
            raise NotWantedError
        return Judged(appointment, wanted)

    async def _quiet_until(
        self, connection: AsyncConnection, delivery: Delivery, wanted: Preferences
    ) -> datetime | None:
        """When it may be told; None when it may be told now.

        Reminders keep to the clinic's quiet hours too; changes come in her chat at any hour, and a delay on any way.
        """
        now = self._now()
        if delivery.kind != REMINDER:
            is_for_any_hour = delivery.kind == DELAY or delivery.channel == "chat"
            return None if is_for_any_hour else wanted.quiet_until(now)
        planned = datetime.fromisoformat(delivery.data["at"])
        quiet = await quiet_hours_of(connection, delivery.person, wanted, settings=self._settings)
        if quiet is None or (now <= planned + _STILL_PUNCTUAL and not quiet.is_quiet(planned)):
            return None
        return quiet.until(now)


async def require_current(connection: AsyncConnection, delivery: Delivery, *, now: datetime) -> Appointment:
    """The appointment as it was when this was planned, for somebody who may still know of it.

    Of an offer it is the earlier time that is kept, for who may still take it. Raises NotWantedError: it changed
    since, she takes no part any more, or it comes too late.
    """
    appointment = await find(connection, delivery.subject)
    if appointment is None or not _holds(delivery, appointment, now):
        raise NotWantedError
    action: AppointmentAction = "move" if delivery.kind == OFFER else "see"
    try:
        await require_allowed_on(connection, appointment, person=delivery.person, action=action, now=now)
    except (NoAppointmentError, NotInCareTeamError) as error:
        raise NotWantedError from error
    return appointment


async def require_still_said(
    connection: AsyncConnection, row: Row[Any], *, sealer: Sealer, now: datetime
) -> None:
    """This row of the outbox may leave, if it says something for the ledger of deliveries.

    Raises NotWantedError; NotNowError when it needs other words by now: the next try finds them.
    """
    if not row.id.startswith(DELIVERY_PREFIX):
        return
    delivery = await ledger.find_open(connection, delivery_id_of(row.id), sealer=sealer)
    if delivery is None:
        raise NotWantedError
    if delivery.kind != DIGEST:
        await require_current(connection, delivery, now=now)
    if now - row.accepted_at > _WORDS_HOLD.get(delivery.kind, timedelta.max):
        raise NotNowError(now)


def is_over(appointment: Appointment, *, minutes: int, now: datetime) -> bool:
    """Whether nobody waits for this visit any more, though it begins so many minutes late."""
    has_ended = now >= appointment.end + timedelta(minutes=minutes)
    return appointment.status not in ("booked", "arrived") or has_ended


def _can_wait(appointment: Appointment, until: datetime) -> bool:
    """Whether it is of use then: before the visit, and an offer while half the time to answer it is left."""
    if appointment.answer_by is None:
        return until < appointment.start
    offered_at = appointment.updated_at
    return until <= offered_at + (appointment.answer_by - offered_at) / 2


def _takes(wanted: Preferences, delivery: Delivery) -> bool:
    if delivery.kind == REMINDER and not wanted.reminders:
        return False
    if delivery.channel == "email":
        return wanted.email and wanted.address is not None
    return wanted.push or delivery.channel != "push"


def _holds(delivery: Delivery, appointment: Appointment, now: datetime) -> bool:
    if delivery.kind == DELAY:  # whoever has arrived meanwhile waits all the same
        is_moved = appointment.start != datetime.fromisoformat(delivery.data["start"])
        return not is_moved and not is_over(appointment, minutes=delivery.data["minutes"], now=now)
    if appointment.version != delivery.data.get("version"):
        return False
    if delivery.kind == OFFER:
        return appointment.answer_by is not None and now < appointment.answer_by
    return delivery.kind != REMINDER or _is_wanted(delivery, appointment, now)


def _is_wanted(delivery: Delivery, appointment: Appointment, now: datetime) -> bool:
    if appointment.status != "booked":
        return False
    at, later = datetime.fromisoformat(delivery.data["at"]), delivery.data["later"]
    reminder = Reminder(at, timedelta(minutes=delivery.data["before"]))
    times = [datetime.fromisoformat(one) for one in later]
    return is_worth_sending(reminder, start=appointment.start, now=now, later=times)
