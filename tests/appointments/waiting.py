"""Waiting for an earlier time."""

from datetime import datetime

from appointments import waiting_services as waiting
from appointments.booking import Appointment
from appointments.waiting_services import Waiting
from tests.appointments.diary import MINUTE, Diary


async def wait(diary: Diary, known: Appointment) -> None:
    """Its patient waits for an earlier time."""
    async with diary.database.write() as connection:
        await waiting.wait_for_earlier(connection, appointment_id=known.id, by=known.patient, now=diary.now)
    diary.now += MINUTE


async def offered(diary: Diary, known: Appointment) -> datetime | None:
    """What is kept for it."""
    offer = (await state(diary, known)).offer
    return None if offer is None else offer.start


async def state(diary: Diary, known: Appointment) -> Waiting:
    """How it stands."""
    async with diary.database.read() as connection:
        return await waiting.waiting_of(
            connection, appointment_id=known.id, person=known.patient, now=diary.now
        )
