"""bridge/messages.py: permission first; one operation, one message; what was sent can be read."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from appointments.errors import NotInCareTeamError
from bridge.errors import (
    BadCursorError,
    ConversationNotFoundError,
    HomeserverUnavailableError,
    MessageNotFoundError,
)
from bridge.matrix.errors import MatrixError
from bridge.messages_model import SentMessage
from bridge.storage.conversations import conversations
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, LUCIA, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.process import Process
from tests.bridge.trouble import UNREACHABLE, failing, works

BROKEN = MatrixError(status=502, errcode="M_UNKNOWN", message="oh")


async def send(clinic: Clinic, process: Process | None = None, **changes: Any) -> SentMessage:
    """Lucia writes to Garcia, unless something else is said."""
    message = {
        "sender": LUCIA,
        "conversation_id": None,
        "recipient": None if "conversation_id" in changes else GARCIA,
        "body": "hola",
        "reply_to": None,
        "operation_id": f"operation {len(await clinic.rows(sends))}",
    }
    return await (process or clinic.main).messages.send(**message | changes)


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


async def test_a_reply_names_its_message(clinic: Clinic) -> None:
    """The relation stands inside and, as the specification wants it, beside the ciphertext."""
    asked = await send(clinic, body="¿cómo está?")
    await clinic.push()
    answer = await send(clinic, body="mejor", reply_to=asked.message_id)
    event = clinic.sent(answer.conversation_id)[-1]
    assert event["content"]["m.relates_to"] == {"m.in_reply_to": {"event_id": asked.message_id}}
    history = await read(clinic, answer.conversation_id)
    assert [message.reply_to for message in history.messages] == [asked.message_id, None]


async def test_a_reply_may_come_at_once(clinic: Clinic) -> None:
    """The homeserver pushes an event in its own time; until then it is asked."""
    asked = await send(clinic)
    answer = await send(clinic, reply_to=asked.message_id)
    assert "m.relates_to" in clinic.sent(answer.conversation_id)[-1]["content"]


async def test_a_reply_to_nothing_is_refused(clinic: Clinic) -> None:
    """An unknown event, and one of another room, are no messages of this conversation; nothing is stored."""
    sent = await send(clinic)
    elsewhere = await send(clinic, sender=JUAN)
    await clinic.push()
    for reply_to in ("$unknown", elsewhere.message_id):
        with pytest.raises(MessageNotFoundError):
            await send(clinic, conversation_id=sent.conversation_id, reply_to=reply_to)
    assert len(await clinic.rows(sends)) == 2


@pytest.mark.parametrize("error", [UNREACHABLE, BROKEN])
async def test_a_reply_waits_for_the_homeserver(clinic: Clinic, error: Exception) -> None:
    """While it can't be asked for an event that was not pushed yet, nobody knows: come back later."""
    sent = await send(clinic)
    clinic.homeserver.before = failing(error, "event")
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, reply_to=sent.message_id)


async def test_an_operation_is_one_message(clinic: Clinic) -> None:
    """Called again, by another process too, it gives the first call's message."""
    first = await send(clinic, operation_id="once")
    clinic.clock.pass_by(minutes=5)
    assert await send(clinic, operation_id="once") == first
    assert await send(clinic, clinic.process(), operation_id="once") == first
    assert len(clinic.sent(first.conversation_id)) == 1


async def test_an_operation_at_once_in_two_processes_is_one_message(clinic: Clinic) -> None:
    """Both get the same answer."""
    await send(clinic, body="antes")
    processes = [clinic.process(), clinic.process()]
    answers = await asyncio.gather(*(send(clinic, one, operation_id="once") for one in processes))
    assert answers[0] == answers[1]
    assert await clinic.texts(answers[0].conversation_id) == ["antes", "hola"]


async def test_death_at_any_step_is_mended_by_the_same_operation(clinic: Clinic) -> None:
    """A first message, killed at each of its steps in turn and asked for again: one room, one message."""
    for dies_at in range(1, 80):
        patient = f"@portal_p{dies_at}:portal.example:8448"
        await clinic.manage(patient)
        await clinic.start_care(patient, GARCIA)
        request = {"sender": patient, "operation_id": f"once {dies_at}"}
        rooms_before = len(clinic.homeserver.rooms)
        try:
            await send(clinic, clinic.process(dies_at=dies_at), **request)
        except Killed:
            survived = False
        else:
            survived = True
        sent = await send(clinic, clinic.process(), **request)
        assert len(clinic.homeserver.rooms) == rooms_before + 1, dies_at
        assert await clinic.texts(sent.conversation_id, reader=patient) == ["hola"]
        if survived:
            break
    assert survived
    assert dies_at > 30


async def test_a_message_is_kept_while_the_homeserver_is_away(clinic: Clinic) -> None:
    """The caller hears 'later'; the same operation then gives the one message, delivered meanwhile or not."""
    await send(clinic, body="antes")
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    for operation in ("first", "second"):
        with pytest.raises(HomeserverUnavailableError):
            await send(clinic, operation_id=operation)
    clinic.homeserver.before = works
    await send(clinic, operation_id="first")
    await clinic.main.outbox.deliver_waiting()
    sent = await send(clinic, operation_id="second")
    assert await clinic.texts(sent.conversation_id) == ["antes", "hola", "hola"]


async def read(clinic: Clinic, conversation_id: str, **changes: Any) -> Any:
    """The newest messages, as Lucia reads them."""
    page = {"reader": LUCIA, "limit": 50, "before": None}
    return await clinic.main.messages.history(conversation_id=conversation_id, **page | changes)


async def test_the_history_has_the_conversation_and_its_messages(clinic: Clinic) -> None:
    """Newest first, with the conversation's summary as this reader sees it."""
    await clinic.start_care(LUCIA, JUAN)
    first = await send(clinic, recipient=JUAN, body="uno")
    await send(clinic, recipient=JUAN, body="dos")
    await clinic.push()
    history = await read(clinic, first.conversation_id, reader=JUAN)
    assert [message.body for message in history.messages] == ["dos", "uno"]
    assert {message.sender_role for message in history.messages} == {"patient"}
    summary = history.conversation
    assert (summary.conversation_id, summary.state, summary.unread_count) == (
        first.conversation_id,
        "active",
        2,
    )
    assert (await read(clinic, first.conversation_id)).conversation.unread_count == 0


async def test_pages_follow_each_other(clinic: Clinic) -> None:
    """Each cursor leads to the next older messages; at the beginning there is none."""
    for number in range(5):
        sent = await send(clinic, body=str(number))
    bodies, before, pages = [], None, 0
    while True:
        history = await read(clinic, sent.conversation_id, limit=2, before=before)
        bodies += [message.body for message in history.messages]
        pages, before = pages + 1, history.next
        if before is None:
            break
    assert bodies == ["4", "3", "2", "1", "0"]
    assert pages in (3, 4)


async def test_a_made_up_cursor_is_refused(clinic: Clinic) -> None:
    """It is none that we gave out."""
    sent = await send(clinic)
    with pytest.raises(BadCursorError):
        await read(clinic, sent.conversation_id, before="made up")


@pytest.mark.parametrize("error", [UNREACHABLE, BROKEN])
async def test_no_history_while_the_homeserver_is_away(clinic: Clinic, error: Exception) -> None:
    """Nothing is stored in clear, so there is nothing to show: come back later."""
    sent = await send(clinic)
    clinic.homeserver.before = failing(error, "messages")
    with pytest.raises(HomeserverUnavailableError):
        await read(clinic, sent.conversation_id)
