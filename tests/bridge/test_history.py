"""bridge/history.py: what a reader is shown of a room, whatever its members and their servers put into it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from appointments.care import CareRelationship
from bridge.e2ee.model import Rotation
from bridge.history import read_page
from bridge.matrix.fake import Call
from bridge.messages_model import Message, ReadBy
from bridge.receipts import record_receipt
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LUCIA, Clinic


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The room of the patient Lucia and of Juan, who is her nurse here; both are managed."""
    await clinic.start_care(LUCIA, JUAN)
    return await open_room(clinic, JUAN)


async def open_room(clinic: Clinic, professional: str) -> str:
    """The room of Lucia and this professional, without any message."""
    care = CareRelationship(LUCIA, professional, "gp", clinic.clock(), None)
    room_id = await clinic.main.conversations.open(care)
    await clinic.push()
    return room_id


async def say(
    clinic: Clinic,
    room_id: str,
    content: dict[str, Any] | str,
    *,
    sender: str = LUCIA,
    event_type: str = "m.room.message",
) -> str:
    """Somebody of ours encrypts and sends this, a second later than the last: the event's id."""
    clinic.clock.pass_by(seconds=1)
    if isinstance(content, str):
        content = {"msgtype": "m.text", "body": content}
    encryption = clinic.main.encryption
    await encryption.prepare(
        user_id=sender,
        room_id=room_id,
        recipients=frozenset({LUCIA, JUAN}),
        rotation=Rotation(100, 604_800_000),
    )
    async with clinic.database.write() as connection:
        encrypted = await encryption.encrypt(
            connection,
            user_id=sender,
            room_id=room_id,
            recipients=frozenset({LUCIA, JUAN}),
            event_type=event_type,
            content=content,
        )
    return await send(clinic, room_id, encrypted.content, sender=sender)


async def send(
    clinic: Clinic,
    room_id: str,
    content: dict[str, Any],
    *,
    sender: str = LUCIA,
    event_type: str = "m.room.encrypted",
) -> str:
    """Somebody sends this as it is, and the homeserver pushes it to us: the event's id."""
    event_id = await clinic.homeserver.send_event(
        user_id=sender,
        device_id=None,
        room_id=room_id,
        event_type=event_type,
        txn_id=uuid4().hex,
        content=content,
    )
    await clinic.push()
    return event_id


def edit(event_id: str, body: Any) -> dict[str, Any]:
    """The content of an edit."""
    return {
        "msgtype": "m.text",
        "body": f"* {body}",
        "m.new_content": {"msgtype": "m.text", "body": body},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }


async def redact(clinic: Clinic, room_id: str, event_id: str, *, sender: str = LUCIA) -> None:
    """Somebody takes an event back."""
    await send(clinic, room_id, {"redacts": event_id}, sender=sender, event_type="m.room.redaction")


async def shown(clinic: Clinic, room_id: str, *, reader: str = LUCIA) -> list[Message]:
    """What the reader is shown, oldest first."""
    history = await clinic.main.messages.history(
        reader=reader, conversation_id=room_id, limit=50, before=None
    )
    assert history.next is None
    return list(reversed(history.messages))


async def bodies(clinic: Clinic, room_id: str, *, reader: str = LUCIA) -> list[str | None]:
    """The bodies of it."""
    return [message.body for message in await shown(clinic, room_id, reader=reader)]


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
    """Calls' signalling, verifications, and messages without a text are not shown; what follows is."""
    await say(clinic, room, content, sender=JUAN, event_type=event_type)
    await say(clinic, room, "hola")
    assert await bodies(clinic, room) == ["hola"]


async def test_clear_text_is_left_out(clinic: Clinic, room: str) -> None:
    """Against the room's rule, so nobody vouches for it: it could be anybody's words in anybody's name."""
    await send(clinic, room, {"msgtype": "m.text", "body": "en claro"}, event_type="m.room.message")
    assert await shown(clinic, room) == []


async def test_an_edit_changes_the_body_only(clinic: Clinic, room: str) -> None:
    """The last edit counts; the message keeps its id, time and place, and says when it was edited."""
    event_id = await say(clinic, room, "mañna", sender=JUAN)
    sent_at = clinic.clock()
    await say(clinic, room, edit(event_id, "manana"), sender=JUAN)
    await say(clinic, room, edit(event_id, "mañana"), sender=JUAN)
    edited_at = clinic.clock()
    await say(clinic, room, "bien")
    message, _ = await shown(clinic, room)
    assert (message.message_id, message.body) == (event_id, "mañana")
    assert (message.sent_at, message.edited_at) == (sent_at, edited_at)


async def test_nobody_edits_anothers_message(clinic: Clinic, room: str) -> None:
    """Not even when the homeserver says so: the edit's sender must be the message's."""
    event_id = await say(clinic, room, "sí")
    await say(clinic, room, edit(event_id, "no"), sender=JUAN)
    assert await bodies(clinic, room) == ["sí"]
    *_, original, forged = clinic.homeserver.rooms[room].events
    original["unsigned"] = {"m.relations": {"m.replace": forged}}
    (message,) = await shown(clinic, room)
    assert (message.body, message.edited_at) == ("sí", None)


async def test_an_edit_that_says_nothing_leaves_the_message(clinic: Clinic, room: str) -> None:
    """One without a new text, one of another kind, one that can't be decrypted, one that is malformed."""
    event_id = await say(clinic, room, "hola")
    for broken in (edit(event_id, 5), edit(event_id, "no") | {"m.new_content": "no"}):
        await say(clinic, room, broken)
        assert await bodies(clinic, room) == ["hola"]
    await say(clinic, room, edit(event_id, "no"), event_type="es.example.other")
    assert await bodies(clinic, room) == ["hola"]
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await send(clinic, room, {"algorithm": "m.megolm.v1.aes-sha2", "m.relates_to": relation})
    assert await bodies(clinic, room) == ["hola"]
    clinic.homeserver.rooms[room].events[-1]["origin_server_ts"] = "now"
    assert await bodies(clinic, room) == ["hola"]


async def test_a_redacted_message_keeps_its_place(clinic: Clinic, room: str) -> None:
    """Its body and edits are gone for every reader."""
    event_id = await say(clinic, room, "uno")
    await say(clinic, room, edit(event_id, "uno, quizá"))
    await say(clinic, room, "dos")
    await redact(clinic, room, event_id)
    for reader in (LUCIA, JUAN):
        first, second = await shown(clinic, room, reader=reader)
        assert (first.message_id, first.body, first.redacted) == (event_id, None, True)
        assert (first.type, first.edited_at, second.body) == ("text", None, "dos")


async def test_a_redacted_edit_is_no_message(clinic: Clinic, room: str) -> None:
    """Taken back, nothing in it tells any more that it was an edit; but we knew."""
    event_id = await say(clinic, room, "uno")
    edit_id = await say(clinic, room, edit(event_id, "otro"))
    await redact(clinic, room, edit_id)
    (message,) = await shown(clinic, room)
    assert (message.body, message.edited_at, message.redacted) == ("uno", None, False)


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


async def test_pages_have_no_gap_and_no_overlap(clinic: Clinic, room: str) -> None:
    """Edits and other events between the messages take no place on a page."""
    for number in range(7):
        event_id = await say(clinic, room, str(number))
        if number % 3 == 0:
            await say(clinic, room, edit(event_id, f"{number}!"))
            await send(clinic, room, {}, event_type="m.reaction")
    pages = [[one.body for one in page] for page in await all_pages(clinic, room, limit=3)]
    assert [page for page in pages if page] == [["6!", "5", "4"], ["3!", "2", "1"], ["0!"]]


async def test_somebody_who_edits_all_day_makes_nobody_wait(clinic: Clinic, room: str) -> None:
    """A page asks the homeserver a bounded number of times; it may be short, and its cursor goes on."""
    event_id = await say(clinic, room, "0")
    for number in range(40):
        await say(clinic, room, edit(event_id, str(number)))
    await say(clinic, room, "fin")
    requests: list[int] = [0]
    clinic.homeserver.before = counting(requests)
    pages = await all_pages(clinic, room, limit=2, started=lambda: requests.append(0))
    assert [one.body for page in pages for one in page] == ["fin", "39"]
    assert max(requests) <= 10


def counting(requests: list[int]) -> Callable[[Call], None]:
    """A hook of the homeserver that counts how often it is asked for messages."""

    def count(call: Call) -> None:
        requests[-1] += call.method == "messages"

    return count


async def all_pages(
    clinic: Clinic, room_id: str, *, limit: int, started: Callable[[], None] = lambda: None
) -> list[tuple[Message, ...]]:
    """Every page, newest first; `started` is called before each."""
    pages, before = [], None
    while True:
        started()
        history = await clinic.main.messages.history(
            reader=LUCIA, conversation_id=room_id, limit=limit, before=before
        )
        assert len(history.messages) <= limit
        pages.append(history.messages)
        before = history.next
        if before is None:
            return pages


async def test_a_session_is_unlocked_once_for_a_page(clinic: Clinic, room: str) -> None:
    """A page is decrypted at once, messages and edits together."""
    event_id = await say(clinic, room, "uno")
    await say(clinic, room, edit(event_id, "dos"))
    asked: list[int] = []
    decrypt = clinic.main.encryption.decrypt

    async def count(reader: str, events: Any, **options: Any) -> Any:
        asked.append(len(events))
        return await decrypt(reader, events, **options)

    clinic.main.encryption.decrypt = count
    await read_page(
        matrix=clinic.main.matrix,
        encryption=clinic.main.encryption,
        reader=LUCIA,
        room_id=room,
        limit=50,
        before=None,
    )
    assert asked == [2]


async def read_up_to(clinic: Clinic, room_id: str, event_id: str, *, reader: str) -> datetime:
    """This reader's public receipt: when it says that she read."""
    clinic.clock.pass_by(minutes=1)
    async with clinic.database.write() as connection:
        await record_receipt(
            connection, room_id=room_id, user_id=reader, event_id=event_id, at=clinic.clock()
        )
    return clinic.clock()


async def test_on_one_server_a_message_is_delivered_when_sent(clinic: Clinic, room: str) -> None:
    """Both live on the portal's server; nobody has read yet."""
    await say(clinic, room, "uno")
    (message,) = await shown(clinic, room)
    assert (message.status, message.read_by) == ("delivered", ())


async def test_to_another_server_it_is_sent(clinic: Clinic) -> None:
    """What the hospital's server has, we can't tell; what came from there has been delivered here."""
    room_id = await open_room(clinic, GARCIA)
    await clinic.homeserver.join(user_id=GARCIA, room_id=room_id)
    await say(clinic, room_id, "uno")
    await send(clinic, room_id, {"algorithm": "m.megolm.v1.aes-sha2"}, sender=GARCIA)
    assert [message.status for message in await shown(clinic, room_id)] == ["sent", "delivered"]
    assert [message.sender_role for message in await shown(clinic, room_id)] == ["patient", "professional"]


async def test_a_receipt_covers_what_stood_before(clinic: Clinic, room: str) -> None:
    """Read is what the receipt is on and everything before it, at the receipt's time; nothing after it."""
    first, second = await say(clinic, room, "uno"), await say(clinic, room, "dos")
    await say(clinic, room, "tres")
    at = await read_up_to(clinic, room, second, reader=JUAN)
    by_juan = (ReadBy(JUAN, at),)
    messages = await shown(clinic, room)
    assert [one.status for one in messages] == ["read", "read", "delivered"]
    assert [one.read_by for one in messages] == [by_juan, by_juan, ()]
    assert first != second


async def test_a_receipt_on_an_edit_or_a_call_covers_too(clinic: Clinic, room: str) -> None:
    """Clients put their receipt on whatever came last."""
    event_id = await say(clinic, room, "uno")
    edit_id = await say(clinic, room, edit(event_id, "dos"))
    await read_up_to(clinic, room, edit_id, reader=JUAN)
    (message,) = await shown(clinic, room)
    assert message.status == "read"


async def test_an_answer_is_no_receipt(clinic: Clinic, room: str) -> None:
    """Nobody is said to have read what they sent no receipt for: an answer may have been written before."""
    await say(clinic, room, "uno")
    await say(clinic, room, "dos", sender=JUAN)
    first, second = await shown(clinic, room)
    assert (first.status, first.read_by) == ("delivered", ())
    assert (second.status, second.read_by) == ("delivered", ())


async def test_bots_and_strangers_are_no_recipients(clinic: Clinic, room: str) -> None:
    """Their receipts make nothing read."""
    event_id = await say(clinic, room, "uno")
    for other in (KEEPER, "@asistente:portal.example:8448", GARCIA):
        await read_up_to(clinic, room, event_id, reader=other)
    (message,) = await shown(clinic, room)
    assert (message.status, message.read_by) == ("delivered", ())
