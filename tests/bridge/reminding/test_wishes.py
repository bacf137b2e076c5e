"""How a person wants to be told, changed after the booking: what is said follows what she wants then."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointments.quiet_hours import QuietHours
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.reminding.wishes import change_preferences
from bridge.storage.deliveries import deliveries
from bridge.storage.reminding import appointment_notices
from tests.bridge.reminding.reminders import MARIA, TUESDAY_10, Reminders
from tests.bridge.trouble import works

MADRID = ZoneInfo("Europe/Madrid")
NINE_TO_ELEVEN = QuietHours(time(9), time(11), MADRID)


async def wants(reminders: Reminders, wanted: Preferences, *, is_heard: bool = True) -> None:
    """What Maria says now; `is_heard`: over REST, which plans anew."""
    clinic = reminders.clinic
    async with clinic.database.write() as connection:
        say = change_preferences if is_heard else preferences.put
        await say(connection, wanted, sealer=clinic.sealer, person=MARIA, now=clinic.clock())


async def planned(reminders: Reminders) -> list[str]:
    """When Maria is to be reminded, by her clock and by which channel."""
    rows = await reminders.clinic.rows(deliveries)
    return sorted(
        f"{row.due_at.astimezone(MADRID):%d %H:%M} {row.channel}"
        for row in rows
        if row.person == MARIA and row.kind == "appointment.reminder" and row.done_at is None
    )


async def reminded(reminders: Reminders) -> list[str]:
    """The reminders that she can read."""
    return [text for text in await reminders.heard(reminders.maria) if "Recordatorio" in text]


async def test_who_wants_none_any_more_gets_none(reminders: Reminders) -> None:
    """Also when nothing was planned anew: it is asked when it is due."""
    await reminders.book()
    await reminders.tick()
    await wants(reminders, Preferences(reminders=False), is_heard=False)
    reminders.clinic.clock.at = TUESDAY_10 - timedelta(hours=2)
    await reminders.tick()
    assert await reminded(reminders) == []


async def test_hours_that_are_quiet_now_are_kept(reminders: Reminders) -> None:
    """A reminder waits for their end, if that is before the visit; else it is left out."""
    clock = reminders.clinic.clock
    await reminders.book()
    await reminders.book(TUESDAY_10 + timedelta(hours=2))
    await reminders.tick()
    await wants(reminders, Preferences(quiet_hours=NINE_TO_ELEVEN), is_heard=False)
    clock.at = TUESDAY_10 - timedelta(minutes=10)  # of the first one, ten minutes before
    await reminders.tick()
    clock.at = TUESDAY_10  # of the second one, two hours before
    await reminders.tick()
    assert await reminded(reminders) == []
    clock.at = TUESDAY_10 + timedelta(hours=1)
    await reminders.tick()
    (said,) = await reminded(reminders)
    assert "12:00" in said
    assert "Faltan 60 minutos" in said


async def test_what_was_due_just_before_the_night_still_comes(reminders: Reminders) -> None:
    """A minute after quiet hours began, a reminder that was planned for the minute before them is not late."""
    clock = reminders.clinic.clock
    await wants(reminders, Preferences(quiet_hours=NINE_TO_ELEVEN, minutes_before=(30,)))
    await reminders.book()
    await reminders.tick()
    assert await planned(reminders) == ["03 08:59 chat"]
    clock.at = TUESDAY_10 - timedelta(minutes=58)
    await reminders.tick()
    assert len(await reminded(reminders)) == 1


async def test_another_choice_is_planned_at_once(reminders: Reminders) -> None:
    """Other minutes, other hours, mails too, none, and some again; what was said is not said once more."""
    clock = reminders.clinic.clock
    await reminders.book(TUESDAY_10 + timedelta(hours=2))
    await reminders.tick()
    assert await planned(reminders) == ["02 12:00 chat", "03 10:00 chat", "03 11:50 chat"]
    own = Preferences(minutes_before=(60, 30))
    await wants(reminders, own)
    await reminders.tick()
    assert await planned(reminders) == ["03 11:00 chat", "03 11:30 chat"]
    clock.at = TUESDAY_10 + timedelta(hours=1)
    await reminders.tick()
    await wants(reminders, Preferences(minutes_before=(60, 20), address="m@example.org", email=True))
    await reminders.tick()
    assert await planned(reminders) == ["03 11:40 chat", "03 11:40 email"]
    await wants(reminders, Preferences(reminders=False))
    await reminders.tick()
    assert await planned(reminders) == []
    await wants(reminders, Preferences())
    await reminders.tick()
    assert await planned(reminders) == ["03 11:50 chat"]
    assert len(await reminded(reminders)) == 1


UNLIKE: list[Preferences] = [
    Preferences(address="m@example.org", email=True),
    Preferences(push=False),
    Preferences(reminders=False),
    Preferences(minutes_before=()),
    Preferences(quiet_hours=NINE_TO_ELEVEN),
]
ALIKE: list[Preferences] = [
    Preferences(),
    Preferences(language="en", delay_minutes=30),
    Preferences(address="m@example.org"),
    Preferences(email=True),
]


@pytest.mark.parametrize(("wanted", "is_news"), [(one, one in UNLIKE) for one in (*UNLIKE, *ALIKE)])
async def test_only_what_changes_reminders_is_planned_anew(
    reminders: Reminders, wanted: Preferences, *, is_news: bool
) -> None:
    """Against the defaults, once she never said anything, and against what she said last."""
    await reminders.book()
    await reminders.tick()
    await wants(reminders, wanted)
    assert len(await reminders.clinic.rows(appointment_notices)) == int(is_news)
    await reminders.tick()
    await wants(reminders, wanted)
    assert await reminders.clinic.rows(appointment_notices) == []
    await wants(reminders, Preferences())
    assert len(await reminders.clinic.rows(appointment_notices)) == int(is_news)


async def test_another_address_is_no_other_reminder(reminders: Reminders) -> None:
    """Where a mail goes is asked when it is sent."""
    await reminders.book()
    await reminders.tick()
    await wants(reminders, Preferences(address="m@example.org", email=True))
    await reminders.tick()
    await wants(reminders, Preferences(address="maria@example.org", email=True, language="en"))
    assert await reminders.clinic.rows(appointment_notices) == []


async def test_nothing_is_planned_for_what_changed_meanwhile(reminders: Reminders) -> None:
    """Wishes of an appointment that was moved before they were looked at: its new time counts."""
    one = await reminders.book()
    await reminders.tick()
    await wants(reminders, Preferences(minutes_before=(30,)))
    await reminders.move(one, TUESDAY_10 + timedelta(hours=4))
    await reminders.tick()
    assert await planned(reminders) == ["03 13:30 chat"]


async def test_what_was_to_be_said_already_is_not_forgotten(reminders: Reminders) -> None:
    """The homeserver was down when it was due, and she changed her mind about other things meanwhile."""
    clock, homeserver = reminders.clinic.clock, reminders.clinic.homeserver
    await reminders.book()
    await reminders.tick()
    clock.at = TUESDAY_10 - timedelta(hours=2)
    reminders.down("send_event")
    await reminders.tick()
    await wants(reminders, Preferences(language="en"))
    homeserver.before = works
    clock.pass_by(minutes=1)
    await reminders.tick()
    assert len(await reminded(reminders)) == 1
    assert await planned(reminders) == ["03 09:50 chat"]
