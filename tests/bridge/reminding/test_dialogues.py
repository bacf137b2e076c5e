"""bridge/reminding/dialogues.py: what an answer is about, when several things could be answered."""

from datetime import timedelta
from typing import Any

from tests.bridge.reminding.reminders import TUESDAY_10, Reminders

BEFORE = timedelta(hours=2)


async def reminded(reminders: Reminders) -> dict[str, Any]:
    """Maria is reminded of Tuesday at ten; what makes a message an answer to that."""
    await reminders.tick()
    reminders.clinic.clock.at = TUESDAY_10 - BEFORE
    await reminders.tick()
    assert "Recordatorio" in (await reminders.heard(reminders.maria))[-1]
    return {"m.relates_to": {"m.in_reply_to": {"event_id": await reminders.last_event()}}}


async def test_an_old_reminder_confirms_no_new_time(reminders: Reminders) -> None:
    """She answers what she saw; the other answers show the appointment as it stands."""
    one = await reminders.book()
    answering = await reminded(reminders)
    await reminders.move(one, TUESDAY_10 + timedelta(hours=4))
    await reminders.say("!ayuda")
    assert "ya ha cambiado" in await reminders.say("1", **answering)
    assert not await reminders.clinic.facts("appointment.confirmed")
    assert "Su cita: martes 3 de marzo, 14:00" in await reminders.say("2", **answering)
    assert "martes 3 de marzo, 14:00" in await reminders.say("3", **answering)


async def test_a_number_alone_is_about_the_last_reminder(reminders: Reminders) -> None:
    """Not about an older one that nobody answered."""
    await reminders.book()
    await reminders.book(TUESDAY_10 + timedelta(minutes=40))
    await reminded(reminders)
    reminders.clinic.clock.pass_by(minutes=40)
    await reminders.tick()
    assert "10:40" in await reminders.say("1")


async def test_a_reminder_ends_a_question_whether_to_cancel(reminders: Reminders) -> None:
    """«1» after it confirms, and cancels nothing; a list of times goes on."""
    await reminders.book()
    await reminders.tick()
    reminders.clinic.clock.at = TUESDAY_10 - BEFORE - timedelta(minutes=5)
    assert "No se puede deshacer" in await reminders.say("!cita cancelar")
    await reminded(reminders)
    assert "Contamos con usted" in await reminders.say("1")
    assert [one.status for one in await reminders.visits()] == ["booked"]


async def test_a_reminder_does_not_interrupt_a_list(reminders: Reminders) -> None:
    """«2» books the second of the times that she asked for."""
    await reminders.book()
    await reminders.tick()
    reminders.clinic.clock.at = TUESDAY_10 - BEFORE - timedelta(minutes=5)
    assert "Están libres" in await reminders.say("!cita hoy a las 16")
    await reminded(reminders)
    assert "16:00" in await reminders.say("1")
