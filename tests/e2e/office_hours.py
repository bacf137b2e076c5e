"""When a professional can be booked."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from bridge import app
from tests.e2e.clinic import Clinic

MADRID = ZoneInfo("Europe/Madrid")


async def office_hours(clinic: Clinic, professional: str) -> None:
    """From nine to nine, every day."""
    hours = {day: (Hours(time(9), time(21)),) for day in range(7)}
    visit = VisitType(name="visit", length=timedelta(minutes=20))
    schedule = Schedule(zone=MADRID.key, weekly=hours, exceptions={}, visit_types=(visit,))
    async with app.opened(clinic.platform.settings) as gateway, gateway.database.write() as connection:
        await put_schedule(connection, professional=professional, schedule=schedule, now=gateway.now())
