"""bridge/reminding/planning.py: from each change to what is said of it, whatever is wrong with another one."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert

from appointments import booking_services as booking
from appointments.errors import VersionChangedError
from bridge.assistant.booking_desk import BookingDesk
from bridge.notices.appointment_facts import record_appointment
from bridge.notices.settings import ReminderSettings
from bridge.reminding.planning import Planning
from bridge.storage.notification_preferences import notification_preferences
from bridge.storage.reminding import appointment_notices
from tests.bridge.clinic import GARCIA, LUCIA
from tests.bridge.reminding.reminders import MARIA, TUESDAY_10, Reminders


async def test_one_that_always_fails_holds_up_no_other(reminders: Reminders) -> None:
    """Her preferences can't be read: the next one's booking is announced; hers is, once they can."""
    clinic = reminders.clinic
    row = {"person": LUCIA, "sealed": b"broken", "updated_at": clinic.clock()}
    async with clinic.database.write() as connection:
        await connection.execute(insert(notification_preferences).values(row))
    await reminders.book(patient=LUCIA, by=LUCIA)
    clinic.clock.pass_by(seconds=1)
    await reminders.book(TUESDAY_10 + timedelta(hours=1))
    planning = Planning(
        database=clinic.database,
        sealer=clinic.sealer,
        settings=ReminderSettings(),
        placing=clinic.main.placing,
        now=clinic.clock,
    )
    assert [await planning.plan() for _ in range(2)] == [1, 0]
    await reminders.courier().deliver_due("chat")
    assert await reminders.heard(reminders.maria) == ["CONFIRMED"]
    (left,) = await clinic.rows(appointment_notices)
    async with clinic.database.write() as connection:
        await connection.execute(notification_preferences.delete())
    await planning.plan()
    assert await clinic.rows(appointment_notices) == [left]  # not at once
    clinic.clock.pass_by(minutes=1)
    await planning.plan()
    assert await clinic.rows(appointment_notices) == []


async def test_hundreds_of_changes_are_planned_in_one_go(reminders: Reminders) -> None:
    """Also when as many as are read at once can't be planned."""
    clinic = reminders.clinic
    await reminders.book()
    rows = [
        {
            "id": f"nothing:{number:03}:1",
            "appointment_id": f"{number}",
            "kind": "booked",
            "at": clinic.clock() - timedelta(seconds=1),
        }
        for number in range(250)
    ]
    async with clinic.database.write() as connection:
        await connection.execute(insert(appointment_notices), rows)
    await reminders.tick()
    assert await clinic.rows(appointment_notices) == []
    assert await reminders.heard(reminders.maria) == ["CONFIRMED"]


async def test_the_professional_hears_that_a_patient_confirmed(reminders: Reminders) -> None:
    """Once, whoever confirms how often; the patient hears only the answer."""
    await reminders.book()
    await reminders.tick()
    reminders.clinic.clock.at = TUESDAY_10 - timedelta(hours=2)
    await reminders.tick()
    answering = {"m.relates_to": {"m.in_reply_to": {"event_id": await reminders.last_event()}}}
    for _ in range(2):
        assert "Contamos con usted" in await reminders.say("1", **answering)
        await reminders.tick()
    heard = [text for text in await reminders.heard(reminders.garcia) if "confirmada" in text]
    assert heard == [f"Cita confirmada: martes 3 de marzo, 10:00 — {MARIA}."]


async def test_what_is_being_moved_is_not_confirmed(reminders: Reminders) -> None:
    """Confirming waits for the move to end, and finds another version."""
    clinic = reminders.clinic
    one = await reminders.book()
    desk = BookingDesk(database=clinic.database, sealer=clinic.sealer, now=clinic.clock)
    async with clinic.database.write() as connection:
        await booking.move(
            connection,
            appointment_id=one.id,
            start=TUESDAY_10 + timedelta(hours=4),
            by=GARCIA,
            now=clinic.clock(),
            record=record_appointment,
        )
        confirming = asyncio.create_task(desk.confirm(MARIA, appointment_id=one.id, version=one.version))
        await asyncio.wait([confirming], timeout=0.3)
    with pytest.raises(VersionChangedError):
        await confirming
    assert await clinic.facts("appointment.confirmed") == []
