"""bridge/messages/presenting.py: what became of each message, and who has read it."""

from bridge.messages_model import ReadBy
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, Clinic
from tests.bridge.messages.history.talking import edit, open_room, read_up_to, say, send, shown


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
