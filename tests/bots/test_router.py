"""bots/router.py: what was heard → the reply."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.booking_fakes import FakeBookingDesk
from bots.clinic import ClinicSettings
from bots.commands import COMMAND_NAMES, parse
from bots.fakes import FakeConsultDesk
from bots.hearing import Called, Heard, NoText, Said, Unreadable
from bots.i18n import Language, translate
from bots.ports import Contact
from bots.replies import Asker, Reply, Turn
from bots.router import Router
from tests.anything import anything

MARIA = "@maria:portal.example"
GARCIA = Contact("@garcia:hospital.example", "Dra. García")
LOPEZ = Contact("@lopez:hospital.example")
TURN = Turn("$asked", datetime(2026, 11, 25, 11, 15, tzinfo=UTC))
FOR_NINA = Contact("@garcia:hospital.example", "Dra. García", on_behalf_of="@nina:portal.example")


@pytest.fixture
def desk() -> FakeConsultDesk:
    """Maria may consult two people."""
    made = FakeConsultDesk()
    made.known[MARIA] = [GARCIA, LOPEZ]
    return made


async def say(desk: FakeConsultDesk, text: str, *, language: Language | None = "es", **said: Any) -> Reply:
    """What Maria hears to this text."""
    return await hear(desk, Said(text, **said), asker=Asker(MARIA, language))


async def call(desk: FakeConsultDesk, **content: Any) -> Reply:
    """What Maria's program hears to this command."""
    return await hear(desk, Called(content))


async def hear(
    desk: FakeConsultDesk, heard: Heard, *, asker: Asker | None = None, is_private: bool = True
) -> Reply:
    """What she hears to this: something, always."""
    router = Router(desk=desk, bookings=FakeBookingDesk(), clinic=ClinicSettings())
    reply = await router.answer(heard, asker=asker or Asker(MARIA), turn=TURN, is_private=is_private)
    assert reply is not None
    return reply


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("!ayuda", "es", "es"),
        ("!help", "es", "es"),
        ("!ayuda", "en", "en"),
        ("!help", None, "en"),
        ("!ayuda", None, "es"),
    ],
)
async def test_help_in_the_readers_language(
    desk: FakeConsultDesk, text: str, language: Language | None, expected: Language
) -> None:
    """Hers if we know it, else that of her command."""
    reply = await say(desk, text, language=language)
    assert reply.status == "ok"
    assert translate(expected, "assistant.commands") in reply.text
    assert "112" in reply.text
    assert reply.data == {"commands": list(COMMAND_NAMES)}


async def test_help_names_only_what_works(desk: FakeConsultDesk) -> None:
    """Every command in the help text is one that is understood."""
    for language in ("es", "en"):
        words = [word for word in translate(language, "assistant.commands").split() if word.startswith("!")]
        assert words
        assert all(parse(word).name is not None for word in words)
    assert (await say(desk, "!receta")).status == "unknown-command"


@pytest.mark.parametrize("text", ["hola", "!receta", "", "me duele el pecho", "!grabar"])
async def test_what_is_unknown_gets_a_short_help(desk: FakeConsultDesk, text: str) -> None:
    """Never silence, and who wrote to a doctor learns that no doctor reads it."""
    reply = await say(desk, text)
    assert reply.status == "unknown-command"
    assert "!ayuda" in reply.text
    assert "no lo lee ningún profesional" in reply.text
    assert desk.opened == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("gracias", "De nada"), ("¡Muchas gracias!", "De nada"), ("Thank you.", "You are welcome")],
)
async def test_thanks_get_no_help(desk: FakeConsultDesk, text: str, expected: str) -> None:
    """As people say after booking; a sentence with more in it is not understood, and gets it."""
    assert expected in (await say(desk, text, language=None)).text
    assert (await say(desk, f"{text} me duele la cabeza")).status == "unknown-command"


async def test_what_is_no_text_or_unreadable_is_said_so(desk: FakeConsultDesk) -> None:
    """A picture reaches nobody; what could not be decrypted is asked for again."""
    picture = await hear(desk, NoText(), asker=Asker(MARIA, "en"))
    unreadable = await hear(desk, Unreadable(), asker=Asker(MARIA, None))
    assert picture.status == unreadable.status == "unreadable"
    assert "reaches nobody" in picture.text
    assert "descifrar" in unreadable.text


async def test_consult_alone_lists(desk: FakeConsultDesk) -> None:
    """Numbered, with names where we know them; for programs too. Nothing is opened."""
    reply = await say(desk, "!consulta")
    assert "1. Dra. García (@garcia:hospital.example)" in reply.text
    assert "2. @lopez:hospital.example" in reply.text
    assert reply.data["contacts"][1] == {"user_id": LOPEZ.user_id, "name": None, "on_behalf_of": None}
    assert reply.data["total"] == 2
    assert desk.opened == []


@pytest.mark.parametrize(
    "whom", ["1", "@garcia:hospital.example", "garcia", "GARCÍA", "dra. garcía", "García"]
)
async def test_consult_opens(desk: FakeConsultDesk, whom: str) -> None:
    """By number, user id, or an unmistakable part of the name: the reply links the room."""
    reply = await say(desk, f"!consulta {whom}")
    assert reply.status == "ok"
    assert "https://matrix.to/#/!room0" in reply.text
    assert reply.data == {"conversation_id": "!room0", "with": GARCIA.user_id, "on_behalf_of": None}
    assert desk.opened == [(MARIA, GARCIA)]


async def test_a_mention_is_whom_she_means(desk: FakeConsultDesk) -> None:
    """Clients write a display name that we may not know."""
    assert (await say(desk, "!consulta Doctor López", mentioned=LOPEZ.user_id)).status == "ok"
    assert desk.opened == [(MARIA, LOPEZ)]


@pytest.mark.parametrize("whom", ["3", "0", "-1", "999999999999", "@otra:hospital.example", "zzz", "\u0301"])
async def test_nobody_else_is_consulted(desk: FakeConsultDesk, whom: str) -> None:
    """Somebody without care and somebody who doesn't exist give the same answer."""
    reply = await say(desk, f"!consulta {whom}")
    assert reply.status == "not-in-care-team"
    assert reply == await say(desk, "!consulta @nadie:en.ninguna.parte")
    assert desk.opened == []


async def test_several_who_could_be_meant_are_listed(desk: FakeConsultDesk) -> None:
    """With the numbers they have in the whole list."""
    desk.known[MARIA] = [Contact("@a:x"), GARCIA, FOR_NINA]
    reply = await say(desk, "!consulta garcía")
    assert reply.status == "ambiguous"
    assert "2. Dra. García" in reply.text
    assert "3. Dra. García (@garcia:hospital.example) — en nombre de @nina:portal.example" in reply.text
    assert "1." not in reply.text
    assert (await say(desk, "!consulta 3")).data["on_behalf_of"] == "@nina:portal.example"


async def test_nobody_to_consult(desk: FakeConsultDesk) -> None:
    """Asked for the list it is empty; asked for somebody it is a refusal."""
    desk.known.clear()
    assert (await say(desk, "!consulta")).status == "ok"
    assert (await say(desk, "!consulta garcia")).status == "not-in-care-team"


async def test_long_lists_are_cut(desk: FakeConsultDesk) -> None:
    """An event holds 64 KiB; a part of the name finds the rest."""
    desk.known[MARIA] = [Contact(f"@{'p' * 200}{number}:portal.example", "n" * 100) for number in range(3000)]
    reply = await say(desk, "!consulta")
    assert "2970" in reply.text
    assert reply.data["total"] == 3000
    assert len(str(reply).encode()) < 60_000 * 2
    assert (await say(desk, "!consulta 2999")).status == "ok"


async def test_trouble_is_told(desk: FakeConsultDesk) -> None:
    """What can't be done now is said, and may be asked for again."""
    desk.is_down = True
    assert (await say(desk, "!consulta 1")).status == "not-now"
    desk.is_down = False
    assert (await say(desk, "!consulta 1")).status == "ok"


async def test_where_others_read_it_tells_of_nobody(desk: FakeConsultDesk) -> None:
    """In a consult room a doctor's list would show her patients to a patient."""
    for text in ("!consulta", "!consulta 1", "!consult garcia"):
        reply = await hear(desk, Said(text), asker=Asker(MARIA, "es"), is_private=False)
        assert reply == Reply("ok", translate("es", "assistant.in-private"))
    assert desk.opened == []


async def test_programs_call_the_same_commands(desk: FakeConsultDesk) -> None:
    """In Spanish or English, in the language that they ask for."""
    assert (await call(desk, command="ayuda")).data == {"commands": list(COMMAND_NAMES)}
    opened = await call(desk, command="consult", arguments={"with": GARCIA.user_id}, locale="en-GB")
    assert opened.data["with"] == GARCIA.user_id
    assert opened.text.startswith("Your conversation")
    assert (await call(desk, command="consult")).data["total"] == 2
    assert (await call(desk, command="nada", arguments={"x": 1})).status == "unknown-command"


async def test_a_program_says_for_whom(desk: FakeConsultDesk) -> None:
    """Where one person is to be consulted for several."""
    desk.known[MARIA] = [GARCIA, FOR_NINA]
    arguments = {"with": GARCIA.user_id, "on_behalf_of": FOR_NINA.on_behalf_of}
    assert (await call(desk, command="consult", arguments={"with": GARCIA.user_id})).status == "ambiguous"
    assert (await call(desk, command="consult", arguments=arguments)).data["on_behalf_of"] == arguments[
        "on_behalf_of"
    ]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"command": 7},
        {"command": "x" * 65},
        {"command": "help", "arguments": []},
        {"command": "help", "locale": 7},
        {"command": "consult", "arguments": {"with": 7}},
        {"command": "consult", "arguments": {"whom": "@garcia:hospital.example"}},
    ],
)
async def test_a_malformed_call_is_answered_too(desk: FakeConsultDesk, content: dict[str, Any]) -> None:
    """With a status of its own."""
    assert (await call(desk, **content)).status == "malformed"


@given(text=st.text(), is_private=st.booleans())
async def test_any_text_gives_exactly_one_reply(*, text: str, is_private: bool) -> None:
    """And an unknown one opens nothing."""
    desk = FakeConsultDesk()
    desk.known[MARIA] = [GARCIA, LOPEZ]
    reply = await hear(desk, Said(text), asker=Asker(MARIA), is_private=is_private)
    assert reply.text.strip()
    heard = parse(text)
    assert (reply.status == "unknown-command") is (heard.name is None and not heard.is_thanks)
    if heard.name != "consult" or not is_private:
        assert desk.opened == []


@given(st.dictionaries(st.sampled_from(["command", "arguments", "locale", "timezone", "x"]), anything))
async def test_any_call_gives_exactly_one_reply(content: dict[str, Any]) -> None:
    """Whatever a program sends."""
    reply = await hear(FakeConsultDesk(), Called(content), asker=Asker(MARIA))
    assert reply.text.strip()
