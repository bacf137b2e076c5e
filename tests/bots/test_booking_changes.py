"""bots/booking.py: moving and cancelling in a chat, and answering reminders."""

from datetime import timedelta

import pytest

from bots.booking_fakes import FakeBookingDesk
from bots.booking_talk import reminder_dialogue
from bots.hearing import Reacted
from tests.bots.chat import GARCIA, THURSDAY, Chat


async def test_who_saw_another_version_changes_nothing(desk: FakeBookingDesk) -> None:
    """The professional moved it after the list of other times was shown: her choice is not written over that."""
    chat = Chat(desk)
    await chat.say("!cita")
    await chat.say("1")
    assert "10:00 — con Dra. García" in (await chat.say("!cita mover")).text
    (visit,) = desk.booked.values()
    await desk.move(GARCIA, appointment_id=visit.id, version=None, start=THURSDAY + timedelta(hours=7))
    assert "ya ha cambiado" in (await chat.say("1")).text
    assert [one.start for one in desk.booked.values()] == [THURSDAY + timedelta(hours=7)]
    await desk.cancel(GARCIA, appointment_id=visit.id, version=None)
    chat.dialogue = reminder_dialogue(visit)
    assert "ya ha cambiado" in (await chat.say("2")).text


async def test_cancelling_asks_first(desk: FakeBookingDesk) -> None:
    """«no» keeps it, «sí» cancels it."""
    chat = Chat(desk)
    await chat.say("!cita")
    await chat.say("1")
    assert "No se puede deshacer" in (await chat.say("!cita cancelar")).text
    await chat.say("no")
    assert [one.status for one in desk.booked.values()] == ["booked"]
    await chat.say("!cita cancelar 1")
    assert "cancelada" in (await chat.say("Sí.")).text
    assert [one.status for one in desk.booked.values()] == ["cancelled"]


async def test_moving(desk: FakeBookingDesk) -> None:
    """!cita mover shows other times than its own, for the one of several that is chosen."""
    chat = Chat(desk)
    for number in (1, 2):
        await chat.say("!cita")
        await chat.say(str(number))
    which = await chat.say("!cita mover")
    assert which.status == "ambiguous"
    others = await chat.say("1")
    assert "10:00" not in others.text.split("\n", maxsplit=1)[1]
    moved = await chat.say("el jueves a las 16")
    assert "1. jueves 26 de noviembre, 16:00" in moved.text
    assert "cambiada" in (await chat.say("1")).text
    assert THURSDAY + timedelta(hours=6) in {one.start for one in desk.booked.values()}


async def test_a_reminder_is_answered(desk: FakeBookingDesk) -> None:
    """1 or ✅ confirms, 2 or a time moves, 3 or ❌ asks whether to cancel; other reactions are no answers."""
    chat = Chat(desk)
    await chat.say("!cita")
    await chat.say("1")
    (visit,) = desk.booked.values()
    for text, expected in (
        ("✅", "Contamos con usted"),
        ("mover", "Están libres"),
        ("❌", "No se puede deshacer"),
    ):
        chat.dialogue = reminder_dialogue(visit)
        reply = await chat.hear(Reacted(text, "$reminder"))
        assert reply is not None
        assert expected in reply.text
    chat.dialogue = reminder_dialogue(visit)
    assert await chat.hear(Reacted("🎉", "$reminder")) is None
    assert "1. jueves 26 de noviembre, 15:00" in (await chat.say("mañana después de las 15")).text


@pytest.mark.parametrize(
    "text", ["!retraso 15", "!late 15 min", "voy con 15 minutos de retraso", "I'm running 15 minutes late"]
)
async def test_a_delay_is_announced(desk: FakeBookingDesk, text: str) -> None:
    """By command or in words, once for one event."""
    chat = Chat(desk)
    await chat.say("!cita")
    await chat.say("1")
    told = await Chat(desk, GARCIA).say(text)
    assert told.data == {"told": 1, "minutes": 15}
    assert list(desk.delays.values()) == [15]
    assert "Cuántos" in (await Chat(desk, GARCIA).say("!retraso mucho")).text
