"""bots/booking.py: booking in a chat, by what people write."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.booking_dialogue import LASTS
from bots.booking_fakes import FakeBookingDesk
from bots.booking_ports import Bookable
from bots.hearing import Called, Reacted
from bots.replies import Reply
from tests.bots.chat import GARCIA, LOPEZ, MARIA, NINA, THURSDAY, Chat


async def test_a_number_books_what_stood_beside_it(desk: FakeBookingDesk) -> None:
    """!cita shows the next five; «2» books the second."""
    chat = Chat(desk)
    offered = await chat.say("!cita")
    assert "1. jueves 26 de noviembre, 10:00" in offered.text
    assert "5. jueves 26 de noviembre, 14:00" in offered.text
    booked = await chat.say("2")
    assert "jueves 26 de noviembre, 11:00 — con Dra. García" in booked.text
    assert [one.start for one in desk.booked.values()] == [THURSDAY + timedelta(hours=1)]


@pytest.mark.parametrize("key", ["1️⃣", "1", "el 1", "1.", "la primera", "opción 1"])
async def test_other_ways_to_choose(desk: FakeBookingDesk, key: str) -> None:
    """A reaction with a number, and how people write one."""
    chat = Chat(desk)
    await chat.say("!cita")
    reply = await chat.hear(Reacted(key, "$list"))
    assert reply is not None
    assert [one.start for one in desk.booked.values()] == [THURSDAY]


async def test_a_time_instead_of_a_number_shows_others(desk: FakeBookingDesk) -> None:
    """With the command or after the list; a time at which nothing is free shows the next ones."""
    chat = Chat(desk)
    assert "1. jueves 26 de noviembre, 14:00" in (await chat.say("!cita mañana por la tarde")).text
    assert "1. jueves 26 de noviembre, 12:00" in (await chat.say("el jueves a las 12")).text
    none = await chat.say("el viernes")
    assert "no hay nada libre" in none.text
    assert "1. jueves 26 de noviembre, 10:00" in none.text
    await chat.say("1")
    assert [one.start for one in desk.booked.values()] == [THURSDAY]


async def test_when_nothing_is_free_then_what_follows_is_shown(desk: FakeBookingDesk) -> None:
    """For Sunday the next Monday's times, not tomorrow's; tomorrow's when there is nothing later."""
    monday = THURSDAY + timedelta(days=4)
    desk.free.append(monday)
    assert "1. lunes 30 de noviembre, 10:00" in (await Chat(desk).say("!cita el domingo")).text
    desk.free.remove(monday)
    assert "1. jueves 26 de noviembre, 10:00" in (await Chat(desk).say("!cita el domingo")).text


async def test_the_same_event_books_once(desk: FakeBookingDesk) -> None:
    """An event that is handled again after a crash gives the same answer."""
    chat = Chat(desk)
    await chat.say("!cita")
    first = await chat.say("1", event_id="$same")
    assert await chat.say("1", event_id="$same") == first
    assert len(desk.booked) == 1


async def test_a_time_that_is_gone_shows_others(desk: FakeBookingDesk) -> None:
    """Somebody was faster: said so, with a new list that can be answered."""
    chat = Chat(desk)
    await chat.say("!cita")
    desk.free.remove(THURSDAY)
    taken = await chat.say("1")
    assert taken.status == "slot-taken"
    assert "1. jueves 26 de noviembre, 11:00" in taken.text
    await chat.say("1")
    assert [one.start for one in desk.booked.values()] == [THURSDAY + timedelta(hours=1)]


async def test_when_nothing_can_be_shown_instead_that_is_said(desk: FakeBookingDesk) -> None:
    """The time is gone, and so is her care before the next list is made: an answer, not silence."""

    class CareEnds(FakeBookingDesk):
        """As soon as free times are asked for."""

        async def slots(self, person: str, **asked: Any) -> Sequence[datetime]:
            """Of nobody's any more."""
            self.pairs.clear()
            return await super().slots(person, **asked)

    chat = Chat(desk)
    await chat.say("!cita")
    desk.free.remove(THURSDAY)
    chat.desk = CareEnds()
    chat.desk.pairs, chat.desk.free = desk.pairs, desk.free
    assert "Ya no puede pedir cita" in (await chat.say("1")).text
    desk.pairs[MARIA] = [Bookable(GARCIA, MARIA, "con Dra. García")]
    assert "Ya no puede pedir cita" in (await chat.say("!cita")).text


async def test_several_professionals_and_whom_she_acts_for(desk: FakeBookingDesk) -> None:
    """It asks which, and keeps what was said of the time."""
    desk.pairs[MARIA] += [
        Bookable(LOPEZ, MARIA, "con Dr. López"),
        Bookable(GARCIA, NINA, "con Dra. García, en nombre de Nina"),
    ]
    chat = Chat(desk)
    asked = await chat.say("!cita mañana por la tarde")
    assert "3. con Dra. García, en nombre de Nina" in asked.text
    assert "1. jueves 26 de noviembre, 14:00" in (await chat.say("3")).text
    await chat.say("1")
    assert [(one.professional, one.patient) for one in desk.booked.values()] == [(GARCIA, NINA)]


async def test_a_list_does_not_last(desk: FakeBookingDesk) -> None:
    """Two hours later its numbers mean nothing any more, and that is said."""
    chat = Chat(desk)
    await chat.say("!cita")
    chat.now += LASTS
    assert "ya no vale" in (await chat.say("1")).text
    assert not desk.booked


async def test_the_plural_lists(desk: FakeBookingDesk) -> None:
    """!citas shows hers; with a time it means !cita, as people mix them up."""
    chat = Chat(desk)
    assert "ninguna cita" in (await chat.say("!citas")).text
    await chat.say("!cita")
    await chat.say("1")
    for text in ("!citas", "mis citas", "!appointments", "!cita lista"):
        assert "Sus citas:\n• jueves 26 de noviembre, 10:00" in (await chat.say(text)).text
    assert "1. jueves 26 de noviembre, 14:00" in (await chat.say("!citas mañana por la tarde")).text


async def test_what_is_not_understood_is_answered(desk: FakeBookingDesk) -> None:
    """Never silence: examples for a time, help for the rest; a list that stands there stays valid."""
    chat = Chat(desk)
    assert "!cita el jueves a las 10" in (await chat.say("!cita cuando la luna esté llena")).text
    await chat.say("!cita")
    assert "No he entendido" in (await chat.say("me duele la cabeza")).text
    assert "reservada" in (await chat.say("1")).text


async def test_nobody_to_book_with(desk: FakeBookingDesk) -> None:
    """Somebody without care hears so."""
    assert (await Chat(desk, LOPEZ).say("!cita")).status == "not-in-care-team"
    assert "ninguna cita" in (await Chat(desk).say("!cita lista")).text


async def test_programs_get_the_same_with_data(desk: FakeBookingDesk) -> None:
    """Slots, book, list, move and cancel by `es.videoconsulta.command`."""
    chat = Chat(desk)

    async def call(**arguments: Any) -> Reply:
        reply = await chat.hear(Called({"command": "appointment", "arguments": arguments}))
        assert reply is not None
        return reply

    slots = (await call(action="slots", when="mañana por la tarde", **{"with": GARCIA})).data["slots"]
    assert datetime.fromisoformat(slots[0]) == THURSDAY + timedelta(hours=4)
    made = (await call(action="book", start=slots[0], **{"with": GARCIA})).data["appointment"]
    assert [one["id"] for one in (await call()).data["appointments"]] == [made["id"]]
    moved = await call(action="move", appointment_id=made["id"], start=slots[1])
    assert moved.data["appointment"]["version"] == 2
    stale = await call(action="cancel", appointment_id=made["id"], version=1)
    assert stale.status == "not-found"
    assert (await call(action="cancel", appointment_id=made["id"])).data["appointment"][
        "status"
    ] == "cancelled"
    assert (await call(action="book", start=slots[1], **{"with": LOPEZ})).status == "not-in-care-team"
    assert (await call(action="fly")).status == "malformed"


@given(st.text(max_size=40))
async def test_anything_may_be_answered(text: str) -> None:
    """No text makes this fail, whatever is on offer."""
    made = FakeBookingDesk()
    made.pairs[MARIA] = [Bookable(GARCIA, MARIA, "con Dra. García")]
    made.free = [THURSDAY]
    chat = Chat(made)
    await chat.say("!cita")
    assert (await chat.say(text)).text
    assert (await chat.say(f"!cita {text}")).text
