"""bridge/reminding/ and who came: whoever sits in the waiting room is reminded of nothing."""

from datetime import timedelta

import pytest

from appointments.attendance_services import attend
from appointments.booking import Attendance
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.deliveries import deliveries
from tests.bridge.clinic import GARCIA
from tests.bridge.reminding.reminders import TUESDAY_10, Reminders


@pytest.mark.parametrize(("what", "at"), [("arrive", -timedelta(hours=3)), ("miss", timedelta(0))])
async def test_nothing_is_said_afterwards(reminders: Reminders, what: Attendance, at: timedelta) -> None:
    """Neither what was still to come, nor that it was said."""
    clinic = reminders.clinic
    one = await reminders.book()
    await reminders.tick()
    clinic.clock.at = TUESDAY_10 + at
    heard = await reminders.heard(reminders.maria)
    async with clinic.database.write() as connection:
        await attend(
            connection,
            appointment_id=one.id,
            what=what,
            by=GARCIA,
            now=clinic.clock(),
            record=record_appointment,
        )
    assert {row.state for row in await clinic.rows(deliveries) if row.kind == "appointment.reminder"} == {
        "cancelled"
    }
    for before in (timedelta(hours=2), timedelta(minutes=10)):
        clinic.clock.at = max(clinic.clock.at, TUESDAY_10 - before)
        await reminders.tick()
    assert await reminders.heard(reminders.maria) == heard
