"""bots/booking_waiting.py: asking for an earlier time, and answering one that is kept."""

from datetime import timedelta
from typing import Any

import pytest

from bots.booking_fakes import FakeBookingDesk
from bots.booking_ports import Bookable, Offer
from bots.booking_talk import offer_dialogue
from bots.hearing import Called, Reacted
from bots.replies import Reply
from tests.bots.chat import GARCIA, MARIA, NOW, THURSDAY, Chat

EARLIER = THURSDAY - timedelta(hours=1)


@pytest.fixture
def desk() -> FakeBookingDesk:
    """Maria may book with Garcia, who has two free times tomorrow."""
    made = FakeBookingDesk()
    made.pairs[MARIA] = [Bookable(GARCIA, MARIA, "con Dra. García")]
    made.free = [THURSDAY + number * timedelta(hours=1) for number in range(2)]
    return made


async def waiting(desk: FakeBookingDesk, text: str = "!cita antes") -> Chat:
    """Maria has the first time and asks for an earlier one."""
    chat = Chat(desk)
    await chat.say("!cita")
    await chat.say("1")
    assert "Espera algo antes" in (await chat.say(text)).text
    assert len(desk.waiting) == 1
    return chat


def keep(desk: FakeBookingDesk, chat: Chat, offer_id: str = "offer") -> None:
    """Something earlier is kept for her, and she is told."""
    (visit,) = desk.booked.values()
    offer = desk.offers[visit.id] = Offer(offer_id, EARLIER, NOW + timedelta(hours=1))
    chat.dialogue = offer_dialogue(visit, offer)


def starts(desk: FakeBookingDesk) -> list[Any]:
    """When her appointments begin."""
    return [one.start for one in desk.booked.values()]


@pytest.mark.parametrize(
    "text",
    [
        *("!cita antes", "!cita algo antes", "!cita lista de espera", "!Cita ANTES 1", "cita esperar"),
        *("!appointment earlier", "!appointment waiting list", "!appointment wait"),
    ],
)
async def test_asking_for_an_earlier_time(desk: FakeBookingDesk, text: str) -> None:
    """In words; and «2» waits no longer."""
    chat = await waiting(desk, text)
    assert "Ya no espera" in (await chat.say("2")).text
    assert desk.waiting == set()


async def test_earlier_than_an_hour_is_a_time(desk: FakeBookingDesk) -> None:
    """«antes de las 12» asks for what is free then, and waits for nothing."""
    chat = Chat(desk)
    assert "1. jueves 26 de noviembre, 10:00" in (await chat.say("!cita mañana antes de las 12")).text
    assert not desk.waiting


@pytest.mark.parametrize("text", ["1", "sí", "Acepto", "vale", "yes", "accept", "✅", "👍", "1️⃣"])
async def test_an_offer_is_accepted(desk: FakeBookingDesk, text: str) -> None:
    """In words or by a reaction: the appointment is at the earlier time."""
    chat = await waiting(desk)
    keep(desk, chat)
    reply = await chat.hear(Reacted(text, "$offer")) if text in ("✅", "👍", "1️⃣") else await chat.say(text)
    assert reply is not None
    assert "Cita cambiada: jueves 26 de noviembre, 09:00" in reply.text
    assert starts(desk) == [EARLIER]


@pytest.mark.parametrize("text", ["2", "no", "Rechazar", "decline", "❌", "👎"])
async def test_an_offer_is_declined(desk: FakeBookingDesk, text: str) -> None:
    """The appointment stays where it was, and she goes on waiting."""
    chat = await waiting(desk)
    keep(desk, chat)
    reply = await chat.hear(Reacted(text, "$offer")) if text in ("❌", "👎") else await chat.say(text)
    assert reply is not None
    assert "sigue como estaba: jueves 26 de noviembre, 10:00" in reply.text
    assert starts(desk) == [THURSDAY]
    assert desk.waiting
    assert not desk.offers


async def test_an_answer_that_comes_too_late_changes_nothing(desk: FakeBookingDesk) -> None:
    """Nor does one to an offer after which another one came; and the same event again accepts once."""
    chat = await waiting(desk)
    keep(desk, chat)
    old = chat.dialogue
    desk.offers.clear()
    assert "ya no se le guarda" in (await chat.say("sí")).text
    keep(desk, chat, "another")
    new, chat.dialogue = chat.dialogue, old
    assert "ya no se le guarda" in (await chat.say("sí")).text
    assert starts(desk) == [THURSDAY]
    chat.dialogue = new
    for _ in range(2):
        assert "Cita cambiada" in (await chat.say("sí", event_id="$same")).text


async def test_asking_again_shows_what_is_kept(desk: FakeBookingDesk) -> None:
    """She may have lost the message: «!cita antes» offers it once more."""
    chat = await waiting(desk)
    keep(desk, chat)
    assert "09:00" in (await chat.say("!cita antes")).text
    await chat.say("1")
    assert starts(desk) == [EARLIER]


async def test_without_an_appointment_there_is_nothing_to_wait_with(desk: FakeBookingDesk) -> None:
    """She hears how to book one."""
    assert "ninguna cita" in (await Chat(desk).say("!cita antes")).text


async def test_programs_wait_accept_and_decline(desk: FakeBookingDesk) -> None:
    """By `es.videoconsulta.command`, each with its data."""
    chat = await waiting(desk)
    (known,) = desk.booked

    async def call(action: str, **arguments: Any) -> Reply:
        asked = {"action": action, "appointment_id": known, **arguments}
        reply = await chat.hear(Called({"command": "appointment", "arguments": asked}))
        assert reply is not None
        return reply

    assert (await call("wait")).data["offer"] is None
    assert (await call("accept")).status == "not-found"
    keep(desk, chat)
    assert (await call("wait")).data["offer"]["id"] == "offer"
    assert (await call("decline", offer_id="other")).status == "not-found"
    assert (await call("decline", offer_id="offer")).data["appointment"]["version"] == 1
    keep(desk, chat)
    assert (await call("accept")).data["appointment"]["start"] == EARLIER.isoformat()
    assert (await call("wait-no-longer")).status == "ok"
