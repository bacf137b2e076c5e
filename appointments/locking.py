"""Taking turns: whoever changes anything with a professional locks her schedule first, until the transaction ends."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import require_allowed, require_by_table
from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NotOfferedError, VersionChangedError
from appointments.storage import appointments as table
from appointments.storage import bookable, schedules
from appointments.storage.bookable import Bookable
from appointments.storage.schedules import StoredSchedule


async def locked_appointment(
    connection: AsyncConnection, appointment_id: str
) -> tuple[StoredSchedule, Appointment]:
    """The appointment as it is while its professional's schedule is locked. Raises NoAppointmentError."""
    seen = await table.find(connection, appointment_id)
    if seen is None or seen.holds_for is not None:
        raise NoAppointmentError(appointment_id)
    stored = await locked_schedule(connection, seen.professional)
    known = await table.find(connection, appointment_id)
    return stored, known or seen  # no appointment is ever deleted


async def locked_schedule(connection: AsyncConnection, professional: str) -> StoredSchedule:
    """This professional's schedule. Raises NotOfferedError when there is none."""
    stored = await schedules.find_for_update(connection, professional)
    if stored is None:
        raise NotOfferedError("no-schedule")
    return stored


async def locked_for_booking(
    connection: AsyncConnection, *, person: str, patient: str, professional: str, now: datetime
) -> Bookable:
    """What is known of these two, if this person may book for them. Raises NotInCareTeamError, NotOfferedError."""
    found = await bookable.find_for_update(connection, patient=patient, professional=professional)
    if found is None:
        await require_allowed(
            connection, person=person, patient=patient, professional=professional, action="book", now=now
        )
        raise NotOfferedError("no-schedule")
    act = next((one for one in found.acts if one.representative == person), None)
    require_by_table(person=person, care=found.care, representation=act, action="book", now=now)
    return found


def require_version(known: Appointment, version: int | None) -> None:
    """That this is the version that the caller knows, who may know none. Raises VersionChangedError."""
    if version is not None and version != known.version:
        raise VersionChangedError(known.id)
