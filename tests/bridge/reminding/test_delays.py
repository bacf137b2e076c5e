"""bridge/reminding/delays.py: a delay reaches everybody who waits, wherever each of them can be told."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from appointments.attendance_services import attend
from appointments.booking import Attendance
from bridge.assistant.booking_desk import BookingDesk
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.deliveries import deliveries
from tests.bridge.clinic import GARCIA, LUCIA
from tests.bridge.reminding.reminders import TUESDAY_10, Reminders

THREE = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


async def announce(reminders: Reminders, minutes: int = 15) -> int:
    """García says so; how many visits it concerns."""
    clinic = reminders.clinic
    desk = BookingDesk(database=clinic.database, sealer=clinic.sealer, now=clinic.clock)
    return await desk.announce_delay(GARCIA, operation_id=uuid4().hex, minutes=minutes)


async def became(reminders: Reminders, what: Attendance, appointment_id: str) -> None:
    """Somebody comes, or the visit ends."""
    clinic = reminders.clinic
    async with clinic.database.write() as connection:
        await attend(
            connection,
            appointment_id=appointment_id,
            what=what,
            by=GARCIA,
            now=clinic.clock(),
            record=record_appointment,
        )


async def told(reminders: Reminders) -> list[str]:
    """Maria, in her chat."""
    return [text for text in await reminders.heard(reminders.maria) if "de retraso" in text]


async def test_who_has_no_chat_is_told_where_she_can_be(reminders: Reminders) -> None:
    """Lucía has no client of her own: her page in the portal hears of it, as every page that is open does."""
    clinic = reminders.clinic
    one = await reminders.book(THREE, patient=LUCIA, by=LUCIA)
    assert await announce(reminders) == 1
    (fact,) = await clinic.facts("appointment.delayed")
    assert fact.data == {"appointment_id": one.id, "status": "booked", "audience": [LUCIA]}


async def test_who_has_arrived_is_told_and_who_is_done_is_not(reminders: Reminders) -> None:
    """Waiting begins with the visit's time and ends with the visit."""
    clinic = reminders.clinic
    one = await reminders.book(THREE)
    await reminders.tick()
    clinic.clock.at = THREE
    assert await announce(reminders) == 1
    await became(reminders, "arrive", one.id)  # before she was told
    await reminders.tick()
    assert len(await told(reminders)) == 1
    await announce(reminders)
    await became(reminders, "fulfil", one.id)
    await reminders.tick()
    assert len(await told(reminders)) == 1


async def test_a_delay_that_is_over_is_told_nobody(reminders: Reminders) -> None:
    """Of a visit that would have ended by now, delay and all; a scheduler that slept says nothing of it."""
    clinic = reminders.clinic
    await reminders.book(THREE)
    await reminders.tick()
    clinic.clock.at = THREE
    assert await announce(reminders, 15) == 1
    clinic.clock.at = THREE + timedelta(minutes=35)
    assert await announce(reminders, 15) == 0
    await reminders.tick()
    assert await told(reminders) == []
    states = {row.state for row in await clinic.rows(deliveries) if row.kind == "appointment.delay"}
    assert states == {"cancelled"}


async def test_a_visit_that_was_moved_is_not_late(reminders: Reminders) -> None:
    """The delay was that of the old time."""
    one = await reminders.book(THREE)
    await reminders.tick()
    await announce(reminders)
    await reminders.move(one, THREE + timedelta(days=1))
    await reminders.tick()
    assert await told(reminders) == []


async def test_a_delay_reaches_who_waits_today(reminders: Reminders) -> None:
    """Once for one message; tomorrow's patients hear nothing."""
    await reminders.book(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    await reminders.book(TUESDAY_10)
    await reminders.tick()
    await reminders.garcia.say(reminders.rooms[GARCIA], "voy con 15 minutos de retraso")
    assert "a las que afecta: 1" in (await reminders.heard(reminders.garcia))[-1]
    for _ in range(2):
        await reminders.tick()
    told = [text for text in await reminders.heard(reminders.maria) if "15 minutos de retraso" in text]
    assert len(told) == 1
    assert "16:00" in told[0]
