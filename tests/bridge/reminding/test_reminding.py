"""bridge/reminding/: said once, when it is due, to whom it concerns."""

import itertools
from contextlib import suppress
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments import booking_services as booking
from appointments.quiet_hours import QuietHours
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.deliveries import deliveries
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import GARCIA, LOPEZ, LUCIA
from tests.bridge.mortality import Killed
from tests.bridge.reminding.reminders import MARIA, MONDAY, TUESDAY_10, Reminders
from tests.bridge.trouble import works


async def test_reminders_come_when_they_are_due_and_once(reminders: Reminders) -> None:
    """A day, two hours and ten minutes before, none early; each once, however often the scheduler beats."""
    clock = reminders.clinic.clock
    await reminders.book(TUESDAY_10 + timedelta(hours=2))
    for _ in range(2):
        await reminders.tick()
    assert await reminders.heard(reminders.maria) == ["CONFIRMED"]
    seen = []
    for before in (timedelta(days=1), timedelta(hours=2), timedelta(minutes=10)):
        for early, expected in ((timedelta(seconds=1), len(seen)), (timedelta(0), len(seen) + 1)):
            clock.at = TUESDAY_10 + timedelta(hours=2) - before - early
            for _ in range(2):
                await reminders.tick()
            seen = (await reminders.heard(reminders.maria))[1:]
            assert len(seen) == expected
    assert "martes 3 de marzo, 12:00" in seen[0]
    assert "Faltan 24 horas" in seen[0]
    assert "Faltan 2 horas" in seen[1]
    assert "Faltan 10 minutos" in seen[2]


async def test_what_was_moved_or_cancelled_is_not_reminded_of(reminders: Reminders) -> None:
    """The old reminders are gone in the transaction that moves; the new ones come at their own time."""
    clock = reminders.clinic.clock
    one = await reminders.book()
    await reminders.tick()
    await reminders.move(one, TUESDAY_10 + timedelta(hours=4))
    await reminders.tick()
    assert "Cita cambiada" in (await reminders.heard(reminders.maria))[-1]
    clock.at = TUESDAY_10 - timedelta(hours=2)
    await reminders.tick()
    clock.at = TUESDAY_10 + timedelta(hours=2)
    await reminders.tick()
    said = [text for text in await reminders.heard(reminders.maria) if "Recordatorio" in text]
    assert len(said) == 2
    assert all("14:00" in text for text in said)


async def test_a_reminder_that_waits_for_the_homeserver_dies_with_its_appointment(
    reminders: Reminders,
) -> None:
    """Due while the homeserver is down, then moved: it never arrives."""
    clinic = reminders.clinic
    one = await reminders.book()
    await reminders.tick()
    clinic.clock.at = TUESDAY_10 - timedelta(hours=2)
    reminders.down("send_event")
    await reminders.tick()
    await reminders.move(one, TUESDAY_10 + timedelta(hours=4))
    clinic.homeserver.before = works
    clinic.clock.pass_by(minutes=6)
    await clinic.main.outbox.deliver_waiting()
    await reminders.tick()
    assert not [text for text in await reminders.heard(reminders.maria) if "10:00" in text]


async def test_after_a_long_sleep_the_last_reminder_speaks_or_none(reminders: Reminders) -> None:
    """Awake an hour before: one reminder that says so. Awake after the start: nothing."""
    clock = reminders.clinic.clock
    await reminders.book()
    await reminders.book(TUESDAY_10 + timedelta(minutes=20))
    clock.at = TUESDAY_10 + timedelta(minutes=10)
    await reminders.tick()
    said = [text for text in await reminders.heard(reminders.maria) if "Recordatorio" in text]
    assert len(said) == 1
    assert "10:20" in said[0]
    assert "Faltan 10 minutos" in said[0]


async def test_who_has_no_chat_of_her_own_is_told_nothing_there(reminders: Reminders) -> None:
    """A managed patient reads in the portal; her deliveries end without an alert."""
    clinic = reminders.clinic
    await clinic.manage(LUCIA)
    await clinic.start_care(LUCIA, GARCIA)
    async with clinic.database.write() as connection:
        await booking.book(
            connection,
            appointment_id="a",
            professional=GARCIA,
            patient=LUCIA,
            start=TUESDAY_10,
            booked_by=LUCIA,
            now=clinic.clock(),
            record=record_appointment,
        )
    await reminders.tick()
    states = {row.state for row in await clinic.rows(deliveries) if row.person == LUCIA and row.done_at}
    assert states == {"cancelled"}
    assert not await clinic.facts("delivery.given_up")


async def test_a_persons_own_choice_is_above_the_clinics(reminders: Reminders) -> None:
    """Her minutes and her quiet hours when she booked; none when she wants none."""
    clinic = reminders.clinic

    async def planned(wanted: Preferences, start: datetime) -> list[str]:
        async with clinic.database.write() as connection:
            await preferences.put(connection, wanted, sealer=clinic.sealer, person=MARIA, now=clinic.clock())
        one = await reminders.book(start)
        await reminders.tick()
        rows = [row for row in await clinic.rows(deliveries) if row.subject == one.id]
        return sorted(f"{row.due_at:%d %H:%M}" for row in rows if row.kind == "appointment.reminder")

    own = Preferences(minutes_before=(30,))
    assert await planned(own, TUESDAY_10) == ["03 08:30"]
    quiet = QuietHours(time(9), time(10), ZoneInfo("Europe/Madrid"))
    own = Preferences(minutes_before=(30,), quiet_hours=quiet)
    assert await planned(own, TUESDAY_10 + timedelta(minutes=20)) == ["03 07:59"]
    assert await planned(Preferences(reminders=False), TUESDAY_10 + timedelta(hours=1)) == []


async def test_who_acts_no_more_is_told_no_more(reminders: Reminders) -> None:
    """A representation that ended after the booking: her reminders are dropped when they are due."""
    clinic = reminders.clinic
    async with clinic.database.write() as connection:
        await enter_representation(
            connection,
            MARIA,
            LOPEZ,
            "appointments",
            now=MONDAY,
            starts=MONDAY - timedelta(days=1),
            ends=MONDAY + timedelta(hours=1),
        )
    await reminders.book()
    await reminders.tick()
    planned = [row.id for row in await clinic.rows(deliveries) if row.person == LOPEZ]
    assert len([one for one in planned if "reminder" in one]) == 3
    clinic.clock.at = TUESDAY_10 - timedelta(hours=2)
    await reminders.tick()
    told = {row.id: row.state for row in await clinic.rows(deliveries) if row.person == LOPEZ}
    assert {state for one, state in told.items() if ":1440:" in one or ":120:" in one} == {"cancelled"}
    assert "Recordatorio" in (await reminders.heard(reminders.maria))[-1]


async def test_wherever_a_process_dies_each_thing_is_said_once(reminders: Reminders) -> None:
    """Planning and sending, killed before or after each commit and request; another process goes on."""
    clinic = reminders.clinic
    for dies_at in itertools.count(1):
        await reminders.book(
            TUESDAY_10 + timedelta(minutes=20) * (dies_at % 12) + timedelta(weeks=dies_at // 12)
        )
        process = clinic.process(dies_at=dies_at)
        with suppress(Killed):
            await reminders.tick(process)
        clinic.clock.pass_by(minutes=6)
        await clinic.main.outbox.deliver_waiting()
        await reminders.tick()
        if process.fate.steps < dies_at:
            break
    assert dies_at > 10
    assert (await reminders.heard(reminders.maria)).count("CONFIRMED") == dies_at
    alerts = [text for text in await reminders.heard(reminders.garcia) if "Cita reservada" in text]
    assert len(alerts) == len(set(alerts)) == dies_at
