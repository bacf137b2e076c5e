"""bridge/messages/messages.py: an answer names a message of its conversation."""

import pytest

from bridge.errors import HomeserverUnavailableError, MessageNotFoundError
from bridge.storage.sends import sends
from tests.bridge.clinic import JUAN, Clinic
from tests.bridge.messages.writing import BROKEN, read, send
from tests.bridge.trouble import UNREACHABLE, failing


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
