"""bridge/assistant/assistant.py in consult rooms, with `assistant.in_consult_rooms: true`."""

from typing import Any

import pytest

from appointments.care import CareRelationship
from bots.i18n import translate
from bridge.e2ee.model import EncryptedEvent, Undecryptable
from bridge.matrix.events import RoomEvent
from bridge.settings import AssistantSettings
from bridge.storage.database import Database
from bridge.storage.sends import sends
from tests.bridge.clinic import ASSISTANT, GARCIA, LUCIA, SETTINGS, Clinic
from tests.bridge.visitor import Visitor


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """The clinic that lets it in."""
    settings = SETTINGS.model_copy(update={"assistant": AssistantSettings(in_consult_rooms=True)})
    made = Clinic(database, settings=settings)
    await made.manage(LUCIA)
    await made.start_care(LUCIA, GARCIA)
    return made


@pytest.fixture
async def consult(clinic: Clinic, garcia: Visitor) -> str:
    """The consult room of Lucia and Garcia, both in it, and the assistant."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    room_id = await clinic.main.conversations.open(care)
    await clinic.homeserver.join(user_id=garcia.user_id, room_id=room_id)
    await clinic.push()
    await clinic.main.attendance.complete()
    await clinic.push()
    return room_id


async def test_it_is_announced(clinic: Clinic, garcia: Visitor, consult: str) -> None:
    """By the first thing that it says; once."""
    await clinic.main.attendance.complete()
    (said,) = await garcia.hears(consult)
    assert translate("es", "assistant.announcement") in said.content["body"]


async def test_it_answers_marked_commands_only(garcia: Visitor, consult: str) -> None:
    """People talk with each other there; and it shows nobody's contacts to others."""
    for text in ("hola", "ayuda", "¡qué bien!", "!!!", "!ayuda", "!consulta", "!nada"):
        await garcia.say(consult, text)
    ayuda, private, unknown = await garcia.answers(consult)
    assert translate("es", "assistant.commands") in ayuda
    assert private == translate("es", "assistant.in-private")
    assert translate("es", "assistant.unknown") in unknown


async def test_it_forgets_what_it_read(clinic: Clinic, garcia: Visitor, consult: str) -> None:
    """Each message's key is destroyed with the event's other effects; later messages can be read."""
    first = await garcia.say(consult, "un secreto")
    await clinic.push()
    assert await _read(clinic, first) == Undecryptable("unknown-index")
    await garcia.say(consult, "!ayuda")
    assert len(await garcia.answers(consult)) == 1


async def test_it_reads_nothing_of_before(clinic: Clinic, garcia: Visitor, consult: str) -> None:
    """Events that the room had before it joined are none of its business, even with their key."""
    late = await garcia.say(consult, "!ayuda")
    clinic.homeserver.rooms[consult].events.pop()
    for membership, answers in (("leave", 0), ("join", 1)):
        content = {"membership": membership}
        await clinic.main.inbound.room_event(
            await clinic.store(),
            late.model_copy(
                update={
                    "event_id": f"${membership}",
                    "type": "m.room.member",
                    "state_key": ASSISTANT,
                    "content": content,
                }
            ),
        )
        await clinic.main.inbound.room_event(await clinic.store(), late)
        assert len(await garcia.answers(consult)) == answers


async def test_it_is_silent_once_care_has_ended(clinic: Clinic, garcia: Visitor, consult: str) -> None:
    """Its answer is dropped like anybody's, and the event is done."""
    await garcia.say(consult, "!ayuda")
    await clinic.end_care(LUCIA, GARCIA)
    assert await garcia.answers(consult) == []
    assert [row.state for row in await clinic.rows(sends) if "answer" in row.id] == ["refused"]


async def test_unreadable_things_are_left_alone(clinic: Clinic, garcia: Visitor, consult: str) -> None:
    """They were not for it."""
    said = await garcia.say(consult, "!ayuda")
    clinic.homeserver.rooms[consult].events.pop()
    broken = said.model_copy(update={"content": said.content | {"session_id": "unknown"}})
    await clinic.main.inbound.room_event(await clinic.store(), broken)
    assert await garcia.answers(consult) == []


async def _read(clinic: Clinic, event: RoomEvent) -> Any:
    encrypted = EncryptedEvent(
        event_id=event.event_id, room_id=event.room_id, sender=event.sender, content=event.content
    )
    (found,) = await clinic.process().encryption.decrypt(ASSISTANT, [encrypted])
    return found
