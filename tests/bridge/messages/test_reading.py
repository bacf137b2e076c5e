"""bridge/messages/messages.py: what was sent can be read, page by page."""

import pytest

from bridge.errors import BadCursorError, HomeserverUnavailableError
from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.writing import BROKEN, read, send
from tests.bridge.trouble import UNREACHABLE, failing


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
