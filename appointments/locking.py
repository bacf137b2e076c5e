"""Taking turns: whoever changes anything with a professional locks her schedule first, until the transaction ends."""

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NotOfferedError, VersionChangedError
from appointments.storage import appointments as table
from appointments.storage import schedules
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


def require_version(known: Appointment, version: int | None) -> None:
    """That this is the version that the caller knows, who may know none. Raises VersionChangedError."""
    if version is not None and version != known.version:
        raise VersionChangedError(known.id)
