"""bridge/reminding/mail.py: appointments by e-mail, through a real mail server on loopback."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appointments import booking_services as booking
from appointments.quiet_hours import QuietHours
from appointments.schedule_services import put_schedule
from appointments.waiting_services import wait_for_earlier
from bridge.assistant.booking_desk import BookingDesk
from bridge.bookings import pass_on_lapsed
from bridge.deliveries.preferences import Preferences
from bridge.notices.appointment_facts import record_appointment
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database
from tests.appointments.diary import schedule
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.notifications.mail_server import mail_server
from tests.bridge.reminding.mails import MONDAY, TUESDAY_10, WANTED, Mails, calendar_of, text_of


@pytest.fixture
async def mails(database: Database, tmp_path: Path) -> AsyncIterator[Mails]:
    """Monday morning; Lucía wants mails."""
    clinic = Clinic(database)
    clinic.clock.at = MONDAY
    await clinic.manage(LUCIA)
    await clinic.start_care(LUCIA, GARCIA)
    async with database.write() as connection:
        await put_schedule(connection, professional=GARCIA, schedule=schedule(), now=MONDAY)
    async with mail_server(tmp_path) as server:
        smtp = Smtp(server.settings)
        made = Mails(clinic, server, smtp)
        await made.wants(WANTED)
        yield made
        await smtp.close()


async def test_changes_come_with_what_calendars_need(mails: Mails) -> None:
    """Booked, moved and cancelled: one event with a growing sequence, asked for and then called off; no names."""
    one = await mails.book()
    await mails.tick()
    async with mails.clinic.database.write() as connection:
        await booking.move(
            connection,
            appointment_id=one.id,
            start=TUESDAY_10 + timedelta(hours=1),
            by=GARCIA,
            now=mails.clinic.clock(),
            record=record_appointment,
        )
    await mails.tick()
    async with mails.clinic.database.write() as connection:
        await booking.cancel(
            connection, appointment_id=one.id, by=GARCIA, now=mails.clinic.clock(), record=record_appointment
        )
    booked, moved, cancelled = await mails.tick()
    calendars = [calendar_of(mail) for mail in (booked, moved, cancelled)]
    assert [str(calendar["METHOD"]) for calendar in calendars] == ["REQUEST", "REQUEST", "CANCEL"]
    events = [calendar.walk("VEVENT")[0] for calendar in calendars]
    assert len({str(event["UID"]) for event in events}) == 1
    assert [int(event["SEQUENCE"]) for event in events] == [0, 1, 2]
    assert "martes 3 de marzo, 10:00" in text_of(booked)
    assert "11:00" in text_of(moved)
    for mail in (booked, moved, cancelled):
        assert mail["To"] == "lucia@example.org"
        assert "garcia" not in mail.as_string().lower().replace("portal_", "")


async def test_reminders_come_by_mail_to_who_has_no_chat(mails: Mails) -> None:
    """A day, two hours and ten minutes before, none early, each once; without a file."""
    await mails.book(TUESDAY_10 + timedelta(hours=2))
    assert len(await mails.tick()) == 1
    for before in (timedelta(hours=24), timedelta(hours=2), timedelta(minutes=10)):
        due = TUESDAY_10 + timedelta(hours=2) - before
        mails.clinic.clock.at = due - timedelta(seconds=1)
        count = len(await mails.tick())
        mails.clinic.clock.at = due
        for _ in range(2):
            assert len(await mails.tick()) == count + 1
        last = mails.server.mails[-1]
        assert "Recordatorio" in last["Subject"]
        assert not list(last.iter_attachments())


async def test_a_moved_appointment_is_not_reminded_of_as_it_was(mails: Mails) -> None:
    """Only the new time's reminders come."""
    one = await mails.book()
    await mails.tick()
    async with mails.clinic.database.write() as connection:
        await booking.cancel(
            connection, appointment_id=one.id, by=LUCIA, now=mails.clinic.clock(), record=record_appointment
        )
    await mails.tick()
    mails.clinic.clock.at = TUESDAY_10 - timedelta(hours=2)
    assert ["Recordatorio" in mail["Subject"] for mail in await mails.tick()] == [False, False]


async def test_only_who_wants_it_and_when(mails: Mails) -> None:
    """A change waits for the end of her quiet hours; who switched it off meanwhile gets nothing."""
    quiet = QuietHours(time(0), time(10), ZoneInfo("Europe/Madrid"))
    await mails.wants(Preferences(address="lucia@example.org", email=True, quiet_hours=quiet))
    await mails.book(TUESDAY_10 + timedelta(hours=2))
    assert await mails.tick() == []
    mails.clinic.clock.at = MONDAY + timedelta(hours=1)
    assert len(await mails.tick()) == 1
    await mails.wants(Preferences(address="lucia@example.org", email=False))
    mails.clinic.clock.at = TUESDAY_10
    assert len(await mails.tick()) == 1


async def test_a_delay_comes_by_mail_at_any_hour(mails: Mails) -> None:
    """Who waits is told when her visit was to be and how late it will begin, in her quiet hours too."""
    quiet = QuietHours(time(0), time(9, 45), ZoneInfo("Europe/Madrid"))
    await mails.wants(Preferences(address="lucia@example.org", email=True, quiet_hours=quiet))
    await mails.book(MONDAY + timedelta(hours=1))
    clinic = mails.clinic
    desk = BookingDesk(database=clinic.database, sealer=clinic.sealer, now=clinic.clock)
    assert await desk.announce_delay(GARCIA, operation_id="$1", minutes=15) == 1
    (mail,) = await mails.tick()
    assert mail["Subject"] == "Su cita empezará más tarde"
    assert "10:00 empezará unos 15 minutos más tarde" in text_of(mail)
    assert not list(mail.iter_attachments())


async def test_a_reminder_keeps_to_the_hours_that_are_quiet_now(mails: Mails) -> None:
    """It waits for their end; who wants no reminders any more gets none."""
    await mails.book(TUESDAY_10 + timedelta(hours=2))
    await mails.tick()
    quiet = QuietHours(time(9), time(11), ZoneInfo("Europe/Madrid"))
    await mails.wants(Preferences(address="lucia@example.org", email=True, quiet_hours=quiet))
    mails.clinic.clock.at = TUESDAY_10
    assert len(await mails.tick()) == 1
    mails.clinic.clock.at = TUESDAY_10 + timedelta(hours=1)
    assert len(await mails.tick()) == 2
    await mails.wants(Preferences(address="lucia@example.org", email=True, reminders=False))
    mails.clinic.clock.at = TUESDAY_10 + timedelta(hours=1, minutes=50)
    assert len(await mails.tick()) == 2


@pytest.mark.parametrize(
    ("quiet_until", "told_at"), [(time(9, 20), time(9, 20)), (time(9, 40), time(9)), (time(18), time(9))]
)
async def test_an_offer_is_told_while_it_can_be_answered(
    mails: Mails, quiet_until: time, told_at: time
) -> None:
    """It is kept for an hour from nine: it waits for the end of her quiet hours if half an hour is left then."""
    clinic, zone = mails.clinic, ZoneInfo("Europe/Madrid")
    late, freed = await mails.book(TUESDAY_10 + timedelta(days=1)), await mails.book()
    await mails.tick()
    await mails.wants(replace(WANTED, quiet_hours=QuietHours(time(0), quiet_until, zone)))
    async with clinic.database.write() as connection:
        await wait_for_earlier(connection, appointment_id=late.id, by=LUCIA, now=clinic.clock())
        await booking.cancel(
            connection, appointment_id=freed.id, by=LUCIA, now=clinic.clock(), record=record_appointment
        )
    due = datetime.combine(MONDAY.date(), told_at, zone)
    while clinic.clock() < due:
        assert not [mail for mail in await mails.tick() if "antes" in mail["Subject"]]
        clinic.clock.pass_by(minutes=10)
    assert len([mail for mail in await mails.tick() if "antes" in mail["Subject"]]) == 1


async def test_an_earlier_time_is_told_to_who_has_no_chat(mails: Mails) -> None:
    """When it is and until when it is kept, without a file; nothing once it is not kept any more."""
    clinic = mails.clinic
    late = await mails.book(TUESDAY_10 + timedelta(days=1))
    for start in (TUESDAY_10, TUESDAY_10 + timedelta(hours=1)):
        freed = await mails.book(start)
        async with clinic.database.write() as connection:
            await wait_for_earlier(connection, appointment_id=late.id, by=LUCIA, now=clinic.clock())
            await booking.cancel(
                connection, appointment_id=freed.id, by=LUCIA, now=clinic.clock(), record=record_appointment
            )
        await mails.tick()
        clinic.clock.pass_by(minutes=60)
        await pass_on_lapsed(clinic.database, now=clinic.clock())
    first, second = [mail for mail in await mails.tick() if "antes" in mail["Subject"]]
    text = text_of(first)
    assert "martes 3 de marzo, 10:00" in text
    assert "hasta: lunes 2 de marzo, 10:00" in text
    assert "11:00" in text_of(second)
    assert not list(first.iter_attachments())
    clinic.clock.at = TUESDAY_10 - timedelta(minutes=20)
    assert len([mail for mail in await mails.tick() if "antes" in mail["Subject"]]) == 2
