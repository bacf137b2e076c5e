"""bridge/reminding/digest.py: a professional's day, in the morning, as it then is."""

from datetime import UTC, datetime, timedelta

from appointments.services import depart
from tests.bridge.clinic import GARCIA
from tests.bridge.reminding.reminders import MARIA, TUESDAY_10, Reminders
from tests.bridge.trouble import works


async def test_the_professional_hears_of_bookings_and_of_her_day(reminders: Reminders) -> None:
    """Alerts on what others did, and in the morning who comes."""
    clock = reminders.clinic.clock
    one = await reminders.book()
    await reminders.tick()
    clock.at = datetime(2026, 3, 3, 6, 29, tzinfo=UTC)
    await reminders.tick()
    booked = (await reminders.heard(reminders.garcia))[-1]
    assert f"Cita reservada: martes 3 de marzo, 10:00 — {MARIA}" in booked
    clock.at += timedelta(minutes=1)
    for _ in range(2):
        await reminders.tick()
    heard = await reminders.heard(reminders.garcia)
    assert heard[-1] == f"Sus citas de hoy: 1\n10:00 — {MARIA}"
    assert heard[-2] == booked
    assert one.professional == GARCIA


async def test_who_has_left_hears_no_day(reminders: Reminders) -> None:
    """A professional who left is told no names of patients any more."""
    await reminders.book()
    async with reminders.clinic.database.write() as connection:
        await depart(connection, professional=GARCIA, now=reminders.clinic.clock())
    heard = len(await reminders.heard(reminders.garcia))
    reminders.clinic.clock.at = TUESDAY_10 - timedelta(hours=2, minutes=20)
    await reminders.tick()
    assert not any(
        "María" in one or MARIA in one for one in (await reminders.heard(reminders.garcia))[heard:]
    )


async def test_a_day_that_is_told_late_is_what_is_left_of_it(reminders: Reminders) -> None:
    """The homeserver was down all morning: at noon she hears who still comes, once."""
    clinic, homeserver = reminders.clinic, reminders.clinic.homeserver
    await reminders.book()
    await reminders.book(TUESDAY_10 + timedelta(hours=4))
    await reminders.tick()
    clinic.clock.at = TUESDAY_10 - timedelta(hours=2, minutes=30)
    reminders.down("send_event")
    await reminders.tick()
    homeserver.before = works
    clinic.clock.at = TUESDAY_10 + timedelta(hours=2)
    for _ in range(3):
        await clinic.main.outbox.deliver_waiting()
        await reminders.tick()
        clinic.clock.pass_by(minutes=1)
    told = [text for text in await reminders.heard(reminders.garcia) if "Sus citas de hoy" in text]
    assert told == [f"Sus citas de hoy: 1\n14:00 — {MARIA}"]
