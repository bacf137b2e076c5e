"""What people say in a room, and what a reader is shown of it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from appointments.care import CareRelationship
from bridge.e2ee.model import Rotation
from bridge.messages_model import Message
from bridge.states.receipts import record_receipt
from tests.bridge.clinic import JUAN, LUCIA, Clinic


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


async def read_up_to(clinic: Clinic, room_id: str, event_id: str, *, reader: str) -> datetime:
    """This reader's public receipt: when it says that she read."""
    clinic.clock.pass_by(minutes=1)
    async with clinic.database.write() as connection:
        await record_receipt(
            connection, room_id=room_id, user_id=reader, event_id=event_id, at=clinic.clock()
        )
    return clinic.clock()
