"""bridge/messages/messages.py: permission first, then the room and the message."""

from datetime import timedelta

import pytest

from appointments.errors import NotInCareTeamError
from bridge.errors import ConversationNotFoundError
from bridge.messages_model import SentMessage
from bridge.storage.conversations import conversations
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, LUCIA, Clinic
from tests.bridge.messages.writing import read, send


async def test_a_first_message_opens_the_conversation(clinic: Clinic) -> None:
    """Room made, people brought in, words encrypted: the answer names event and room, and says `sent`."""
    sent = await send(clinic, body="¿puedo tomar ibuprofeno? 🙏")
    (room,) = clinic.homeserver.rooms.values()
    (event,) = clinic.sent(room.room_id)
    assert sent == SentMessage(
        message_id=event["event_id"],
        conversation_id=room.room_id,
        status="sent",
        sent_at=clinic.clock(),
        message_ids=(event["event_id"],),
    )
    assert await clinic.texts(room.room_id) == ["¿puedo tomar ibuprofeno? 🙏"]
    assert "ibuprofeno" not in str(room.events)


async def test_later_messages_go_to_the_same_room(clinic: Clinic) -> None:
    """By recipient and by conversation alike."""
    first = await send(clinic, body="uno")
    second = await send(clinic, body="dos")
    third = await send(clinic, body="tres", conversation_id=first.conversation_id)
    assert {second.conversation_id, third.conversation_id} == {first.conversation_id}
    assert await clinic.texts(first.conversation_id) == ["uno", "dos", "tres"]


@pytest.mark.parametrize("recipient", [LOPEZ, JUAN, LUCIA, "@nobody:elsewhere.example"])
async def test_without_care_nothing_happens(clinic: Clinic, recipient: str) -> None:
    """To whoever does not care for the sender, existing or not: the same refusal, no room, no row, no request."""
    with pytest.raises(NotInCareTeamError):
        await send(clinic, recipient=recipient)
    assert await nothing_happened(clinic)


async def test_care_counts_at_the_time_of_sending(clinic: Clinic) -> None:
    """Before its start and from its end on it is no care; the very first instant counts, the last does not."""
    starts, ends = clinic.clock() + timedelta(hours=1), clinic.clock() + timedelta(hours=2)
    await clinic.start_care(LUCIA, LOPEZ, starts=starts, ends=ends)
    for at in (starts - timedelta(microseconds=1), ends):
        clinic.clock.at = at
        with pytest.raises(NotInCareTeamError):
            await send(clinic, recipient=LOPEZ)
        assert await nothing_happened(clinic)
    clinic.clock.at = starts
    assert (await send(clinic, recipient=LOPEZ)).status == "sent"


async def nothing_happened(clinic: Clinic) -> bool:
    """Whether no room was made, nobody asked the homeserver for anything, and nothing was stored."""
    rows = [*await clinic.rows(conversations), *await clinic.rows(sends)]
    return not rows and not clinic.homeserver.calls and not clinic.key_server.calls


async def test_a_conversation_whose_care_ended_takes_no_message(clinic: Clinic) -> None:
    """It stays readable, but nothing is stored or sent any more."""
    sent = await send(clinic)
    await clinic.end_care(LUCIA, GARCIA)
    for target in ({"conversation_id": sent.conversation_id}, {"recipient": GARCIA}):
        with pytest.raises(NotInCareTeamError):
            await send(clinic, **target)
    assert len(await clinic.rows(sends)) == 1
    history = await read(clinic, sent.conversation_id)
    assert history.conversation.state == "ended"
    assert [message.body for message in history.messages] == ["hola"]


async def test_other_peoples_conversations_are_not_found(clinic: Clinic) -> None:
    """An unknown id and somebody else's are the same refusal, whether to write or to read."""
    sent = await send(clinic)
    for conversation_id in ("!unknown", sent.conversation_id):
        with pytest.raises(ConversationNotFoundError):
            await send(clinic, sender=JUAN, conversation_id=conversation_id)
        with pytest.raises(ConversationNotFoundError):
            await read(clinic, conversation_id, reader=JUAN)
    assert len(await clinic.rows(sends)) == 1


async def test_a_managed_professional_writes_too(clinic: Clinic) -> None:
    """The relationship counts in both directions, and both write in the same room."""
    await clinic.start_care(LUCIA, JUAN)
    asked = await send(clinic, recipient=JUAN, body="¿y mañana?")
    answered = await send(clinic, sender=JUAN, recipient=LUCIA, body="sí")
    assert asked.conversation_id == answered.conversation_id
    await clinic.push()
    assert await clinic.texts(asked.conversation_id, reader=LUCIA) == ["¿y mañana?", "sí"]


async def test_a_message_stays_in_the_conversation_it_was_written_in(clinic: Clinic) -> None:
    """Two people who care for each other have two conversations; the answer goes where it was asked for."""
    await clinic.start_care(LUCIA, JUAN)
    first = await send(clinic, recipient=JUAN)
    await clinic.start_care(JUAN, LUCIA)
    answered = await send(clinic, sender=JUAN, conversation_id=first.conversation_id)
    assert answered.conversation_id == first.conversation_id


async def test_care_the_other_way_round_does_not_keep_a_conversation_open(clinic: Clinic) -> None:
    """Once the care that a conversation is about has ended it takes no message; the other care has its own."""
    await clinic.start_care(LUCIA, JUAN)
    first = await send(clinic, recipient=JUAN)
    await clinic.end_care(LUCIA, JUAN)
    await clinic.start_care(JUAN, LUCIA)
    for sender in (LUCIA, JUAN):
        with pytest.raises(NotInCareTeamError):
            await send(clinic, sender=sender, conversation_id=first.conversation_id)
    other = await send(clinic, recipient=JUAN)
    assert other.conversation_id != first.conversation_id
    assert (await read(clinic, first.conversation_id)).conversation.state == "ended"


async def test_a_message_needs_a_target(clinic: Clinic) -> None:
    """Neither conversation nor recipient is the caller's mistake."""
    with pytest.raises(ValueError, match="needs a conversation or a recipient"):
        await send(clinic, recipient=None)
