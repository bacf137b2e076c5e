"""A person with a client of her own, in the clinic in memory: she joins her chat, writes, reads."""

from typing import Any
from uuid import uuid4

from sqlalchemy import select

from bridge.e2ee.model import Decrypted, EncryptedEvent, Rotation
from bridge.matrix.events import RoomEvent
from bridge.storage.direct_chats import direct_chats
from tests.bridge.clinic import ASSISTANT, Clinic

ROTATION = Rotation(period_msgs=100, period_ms=604_800_000)


class Visitor:
    """Somebody whom the clinic does not manage. Her client is our machine too, in a process of its own."""

    def __init__(self, clinic: Clinic, user_id: str) -> None:
        self.clinic = clinic
        self.user_id = user_id
        self.encryption = clinic.process().encryption

    async def log_in(self) -> None:
        """Get a device."""
        await self.encryption.provision(self.user_id)

    async def chat(self) -> str | None:
        """Her direct chat with the assistant, as far as it is made."""
        query = select(direct_chats.c.room_id).where(direct_chats.c.person == self.user_id)
        async with self.clinic.database.read() as connection:
            room_id: str | None = await connection.scalar(query)
            return room_id

    async def join(self) -> str:
        """Join her chat, and have that pushed."""
        room_id = await self.chat()
        assert room_id is not None
        await self.clinic.homeserver.join(user_id=self.user_id, room_id=room_id)
        await self.clinic.push()
        return room_id

    async def say(self, room_id: str, body: str, **content: Any) -> RoomEvent:
        """Write a text, which is not pushed yet."""
        return await self.send(room_id, "m.room.message", {"msgtype": "m.text", "body": body, **content})

    async def send(self, room_id: str, event_type: str, content: dict[str, Any]) -> RoomEvent:
        """Send an event encrypted, which is not pushed yet; its key is."""
        await self.encryption.prepare(
            user_id=self.user_id,
            room_id=room_id,
            recipients=frozenset({self.user_id, ASSISTANT}),
            rotation=ROTATION,
        )
        async with self.clinic.database.write() as connection:
            encrypted = await self.encryption.encrypt(
                connection,
                user_id=self.user_id,
                room_id=room_id,
                recipients=frozenset({self.user_id, ASSISTANT}),
                event_type=event_type,
                content=content,
            )
        await self.clinic.push_keys()
        await self.clinic.homeserver.send_event(
            user_id=self.user_id,
            device_id=encrypted.device_id,
            room_id=room_id,
            event_type="m.room.encrypted",
            txn_id=uuid4().hex,
            content=encrypted.content,
        )
        return RoomEvent.model_validate(self.clinic.homeserver.rooms[room_id].events[-1])

    async def hears(self, room_id: str) -> list[Decrypted]:
        """What the assistant has said in this room, after everything was pushed; she can read all of it."""
        await self.clinic.push()
        await self.clinic.push_keys()
        events = [
            EncryptedEvent(
                event_id=event["event_id"], room_id=room_id, sender=event["sender"], content=event["content"]
            )
            for event in self.clinic.sent(room_id)
            if event["sender"] == ASSISTANT
        ]
        read = await self.clinic.process().encryption.decrypt(self.user_id, events)
        assert all(isinstance(one, Decrypted) for one in read), read
        return [one for one in read if isinstance(one, Decrypted)]

    async def answers(self, room_id: str) -> list[str]:
        """The words of that, the welcome aside."""
        return [
            str(one.content.get("body", one.content.get("text"))) for one in (await self.hears(room_id))[1:]
        ]
