"""Messages taken in and delivered, and a consult room for them."""

from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from bridge.matrix.errors import MatrixError
from bridge.messages.sending import Sent
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, KEEPER, LUCIA, Clinic
from tests.bridge.process import Process

BUSY = MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="slowly", retry_after_s=7.5)


async def open_room(clinic: Clinic, *, members: tuple[str, ...] = (LUCIA,)) -> str:
    """A consult room of the first of these members and Garcia."""
    room_id = await clinic.homeserver.create_room(
        user_id=KEEPER, body={"preset": "private_chat", "room_version": "12"}
    )
    for member in members:
        await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee=member)
        await clinic.homeserver.join(user_id=member, room_id=room_id)
    row = {
        "id": room_id,
        "patient": f"{members[0]}",
        "professional": GARCIA,
        "nonce": room_id,
        "room_id": room_id,
        "created_at": clinic.clock(),
        "rotation_period_msgs": 100,
        "rotation_period_ms": 604_800_000,
    }
    async with clinic.database.write() as connection:
        await connection.execute(conversations.delete().where(conversations.c.patient == members[0]))
        await connection.execute(insert(conversations).values(row))
    return room_id


async def accept(clinic: Clinic, room_id: str, body: str, *, sender: str = LUCIA) -> dict[str, Any]:
    """Take a message in; what `deliver` wants to know of it."""
    send_id = uuid4().hex
    async with clinic.database.write() as connection:
        await clinic.main.outbox.accept(
            connection,
            send_id=send_id,
            room_id=room_id,
            sender=sender,
            event_type="m.room.message",
            content={"msgtype": "m.text", "body": body},
        )
    return {"send_id": send_id, "room_id": room_id}


async def send(clinic: Clinic, room_id: str, body: str, *, process: Process | None = None) -> Sent:
    """Take a message in and deliver it."""
    return await (process or clinic.main).outbox.deliver(**await accept(clinic, room_id, body))


async def row_of(clinic: Clinic, waiting: dict[str, Any]) -> Any:
    """The row of a message."""
    return await clinic.main.outbox.find(waiting["send_id"])
