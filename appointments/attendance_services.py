"""Use cases of the day itself: somebody came, was seen, or did not come. Each in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import offers
from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment, Attendance, after
from appointments.errors import TooEarlyError
from appointments.events import AppointmentChanged, Attended
from appointments.locking import locked_appointment, require_version
from appointments.offers import Record
from appointments.storage import appointments as table

_LEADS_TO: Mapping[Attendance, Attended] = {"arrive": "arrived", "fulfil": "fulfilled", "miss": "noshow"}


async def attend(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    what: Attendance,
    by: str | None,
    now: datetime,
    record: Record,
    version: int | None = None,
) -> Appointment:
    """Note that the patient arrived, that the visit took place, or that nobody came; may be repeated.

    Arriving is possible from the day of the visit on, as her professional's clock has it; being missed from its start
    on. `by` is the professional; None for the clinic itself. Raises NoAppointmentError, NotTheProfessionalError,
    VersionChangedError, WrongStateError, TooEarlyError.
    """
    stored, known = await locked_appointment(connection, appointment_id)
    if by is not None:
        await require_allowed_on(connection, known, person=by, action="attend", now=now)
    if known.status == _LEADS_TO[what]:
        return known
    require_version(known, version)
    status = after(known.status, what)
    if now < _earliest(known, what):
        raise TooEarlyError(appointment_id)
    is_off = what == "miss"  # calendars take it out then
    attended = replace(
        known,
        status=status,
        version=known.version + 1,
        sequence=known.sequence + is_off,
        updated_at=now,
    )
    await table.store_changed(connection, attended)
    await record(connection, AppointmentChanged(_LEADS_TO[what], attended, by, now))
    await offers.withdraw_useless(connection, stored, attended, now=now, record=record)
    return attended


def _earliest(appointment: Appointment, what: Attendance) -> datetime:
    if what == "miss":
        return appointment.start
    zone = ZoneInfo(appointment.zone)
    return datetime.combine(appointment.start.astimezone(zone).date(), time(0), zone)
