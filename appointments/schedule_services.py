"""Use cases of schedules, each in the caller's transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.schedules import Schedule, check_schedule
from appointments.storage import schedules


async def put_schedule(
    connection: AsyncConnection, *, professional: str, schedule: Schedule, now: datetime
) -> bool:
    """Enter a professional's schedule, or replace it; whether there was none. What is booked stays booked.

    Raises BadScheduleError.
    """
    check_schedule(schedule)
    is_new = await schedules.find_for_update(connection, professional) is None
    await schedules.store(connection, professional, schedule, now=now)
    return is_new


async def schedule_of(connection: AsyncConnection, professional: str) -> Schedule | None:
    """This professional's schedule."""
    stored = await schedules.find(connection, professional)
    return None if stored is None else stored.schedule
