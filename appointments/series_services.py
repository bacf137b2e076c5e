"""A series of appointments ("every Tuesday, six times"): all of it is booked, or nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.booking_services import book
from appointments.errors import NotOfferedError, SeriesTakenError, SlotTakenError
from appointments.locking import locked_for_booking
from appointments.offers import Record


def occurrences(*, start: datetime, zone: str, every_weeks: int, count: int) -> list[datetime]:
    """The starts, each at the time of day that a clock in the zone shows at the first one."""
    first = start.astimezone(ZoneInfo(zone))
    return [(first + timedelta(weeks=every_weeks * n)).astimezone(UTC) for n in range(count)]


async def book_series(
    connection: AsyncConnection,
    *,
    series_id: str,
    professional: str,
    patient: str,
    start: datetime,
    every_weeks: int,
    count: int,
    booked_by: str,
    now: datetime,
    record: Record,
    visit_type: str | None = None,
) -> Sequence[Appointment]:
    """Book every occurrence; each is then an appointment like any other, moved and cancelled on its own.

    The same `series_id` again gives the appointments that it made. Raises SeriesTakenError, which names every
    occurrence that can't be booked, and else what `book` raises. Whatever it raises: the caller's transaction
    must not be committed.
    """
    found = await locked_for_booking(
        connection, person=booked_by, patient=patient, professional=professional, now=now
    )
    starts = occurrences(start=start, zone=found.stored.schedule.zone, every_weeks=every_weeks, count=count)
    booked: list[Appointment] = []
    conflicts: list[datetime] = []
    for number, one in enumerate(starts):
        try:
            booked.append(
                await book(
                    connection,
                    appointment_id=f"{series_id}-{number}",
                    professional=professional,
                    patient=patient,
                    start=one,
                    visit_type=visit_type,
                    booked_by=booked_by,
                    series_id=series_id,
                    now=now,
                    record=record,
                )
            )
        except (SlotTakenError, NotOfferedError):
            conflicts.append(one)
    if conflicts:
        raise SeriesTakenError(conflicts)
    return booked
