"""bridge/messages/presenting.py: what a reader is shown of a room, whatever members and servers put into it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.history.talking import bodies, say, send, shown


async def test_both_sides_read_both(clinic: Clinic, room: str) -> None:
    """Who said what, as what, and when the homeserver had it."""
    await say(clinic, room, "¿qué tal? 😀 שלום")
    event_id = await say(clinic, room, "mejor", sender=JUAN)
    for reader in (LUCIA, JUAN):
        first, second = await shown(clinic, room, reader=reader)
        assert (first.sender, first.sender_role, first.body) == (LUCIA, "patient", "¿qué tal? 😀 שלום")
        assert (second.sender, second.sender_role, second.body) == (JUAN, "professional", "mejor")
        assert (second.message_id, second.conversation_id) == (event_id, room)
        assert (second.type, second.redacted, second.edited_at, second.reason) == ("text", False, None, None)
        assert second.sent_at == clinic.clock()


@pytest.mark.parametrize(
    ("msgtype", "expected"),
    [
        ("m.text", "text"),
        ("m.notice", "text"),
        ("m.emote", "text"),
        ("m.file", "file"),
        ("m.image", "image"),
        ("m.audio", "audio"),
        ("m.video", "video"),
    ],
)
async def test_message_types(clinic: Clinic, room: str, msgtype: str, expected: str) -> None:
    """Every kind of message has its word."""
    await say(clinic, room, {"msgtype": msgtype, "body": "algo"}, sender=JUAN)
    (message,) = await shown(clinic, room)
    assert (message.type, message.body) == (expected, "algo")


@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        ("m.call.invite", {"call_id": "1", "msgtype": "m.text", "body": "no"}),
        ("m.key.verification.start", {"method": "m.sas.v1"}),
        ("m.room.message", {"msgtype": "m.key.verification.request", "body": "no"}),
        ("m.room.message", {"msgtype": "m.text", "body": {"no": "text"}}),
        ("m.room.message", {"msgtype": ["m.text"], "body": "no"}),
        ("m.room.message", {"body": "no"}),
        ("m.room.message", {}),
    ],
)
async def test_what_is_no_message_is_left_out(
    clinic: Clinic, room: str, event_type: str, content: dict[str, Any]
) -> None:
    """Calls' signalling, verifications, messages without a text: neither shown nor unread; what follows is."""
    await say(clinic, room, content, sender=JUAN, event_type=event_type)
    (conversation,) = await clinic.main.conversations.list(user_id=LUCIA)
    assert (conversation.unread_count, conversation.last_message_at) == (0, None)
    assert not await clinic.facts("message.received")
    await say(clinic, room, "hola")
    assert await bodies(clinic, room) == ["hola"]


async def test_clear_text_is_left_out(clinic: Clinic, room: str) -> None:
    """Against the room's rule, so nobody vouches for it: it could be anybody's words in anybody's name."""
    await send(clinic, room, {"msgtype": "m.text", "body": "en claro"}, event_type="m.room.message")
    assert await shown(clinic, room) == []


async def test_a_reply_names_the_message_it_answers(clinic: Clinic, room: str) -> None:
    """Relations are untrusted: a malformed one is none."""
    event_id = await say(clinic, room, "¿cuándo?")
    answer = {"msgtype": "m.text", "body": "hoy", "m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}
    await say(clinic, room, answer, sender=JUAN)
    for broken in ("x", {"m.in_reply_to": "x"}, {"m.in_reply_to": {"event_id": 5}}):
        await say(clinic, room, {"msgtype": "m.text", "body": "?", "m.relates_to": broken}, sender=JUAN)
    replies = [message.reply_to for message in await shown(clinic, room)]
    assert replies == [None, event_id, None, None, None]


async def test_what_cannot_be_decrypted_says_why(clinic: Clinic, room: str) -> None:
    """It keeps its place, with the reason in place of words."""
    await send(
        clinic,
        room,
        {"algorithm": "m.megolm.v1.aes-sha2", "session_id": "unknown", "ciphertext": "AwgA"},
        sender=JUAN,
    )
    (message,) = await shown(clinic, room)
    assert (message.type, message.body, message.reason) == ("undecryptable", None, "unknown-session")
    assert not message.redacted


async def test_a_malformed_event_hides_no_other(clinic: Clinic, room: str) -> None:
    """What is no event is left out; what is one but makes no sense is shown as undecryptable."""
    await say(clinic, room, "uno")
    events = clinic.homeserver.rooms[room].events
    for broken in ({"sender": "nobody"}, {"origin_server_ts": -1}, {"state_key": 5}, {"event_id": "x\0y"}):
        events.append({**events[-1], "event_id": f"${uuid4().hex}", **broken})
    for content in ({}, {"algorithm": 5}, {"m.relates_to": []}, {"m.relates_to": {"rel_type": {}}}):
        await send(clinic, room, content, sender=JUAN)
    await say(clinic, room, "dos")
    messages = await shown(clinic, room)
    assert [message.type for message in messages] == ["text", *["undecryptable"] * 4, "text"]
