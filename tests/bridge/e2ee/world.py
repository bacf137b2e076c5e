"""What a test of the encryption machine plays with: clock, homeserver, our machine."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import vodozemac
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.e2ee.errors import SessionNotReadyError
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.machine import CatchUp, Encryption
from bridge.e2ee.model import Decrypted, EncryptedEvent, Rotation, Undecryptable
from bridge.e2ee.settings import EncryptionSettings
from bridge.matrix.events import ToDeviceEvent
from bridge.storage.database import Database
from bridge.storage.inbox import inbox
from tests.bridge.clock import Clock
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA, ROOM, event

ROTATION = Rotation(period_msgs=100, period_ms=604_800_000)
PICKLE_KEY = b"p" * 32


@dataclass
class World:
    """Everything that a test of the machine plays with."""

    database: Database
    server: FakeKeyServer
    clock: Clock
    encryption: Encryption
    prepared: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """For whom was prepared last, by sender and room."""

    new: set[tuple[str, str]] = field(default_factory=set)
    """Who is new in which room."""

    async def are_new(self, _connection: AsyncConnection, room_id: str, users: Collection[str]) -> set[str]:
        """Those of these users who are new in this room."""
        return {user for user in users if (room_id, user) in self.new}

    def restarted(self, *, catch_up: CatchUp | None = None, **options: Any) -> Encryption:
        """Another process on the same database: nothing in memory is shared."""
        return Encryption(
            database=self.database,
            key_server=self.server,
            pickle_key=PICKLE_KEY,
            sealer=Sealer(b"s" * 32),
            now=self.clock,
            options=EncryptionSettings(**options),
            newcomers=self.are_new,
            catch_up=catch_up,
        )

    async def prepare(
        self, *recipients: str, sender: str = LUCIA, room_id: str = ROOM, **rotation: int
    ) -> None:
        """Prepare with the usual rotation."""
        self.prepared[sender, room_id] = frozenset(recipients)
        await self.encryption.prepare(
            user_id=sender,
            room_id=room_id,
            recipients=frozenset(recipients),
            rotation=Rotation(
                rotation.get("period_msgs", ROTATION.period_msgs),
                rotation.get("period_ms", ROTATION.period_ms),
            ),
        )

    async def say(
        self, body: str, *, sender: str = LUCIA, room_id: str = ROOM, **content: Any
    ) -> EncryptedEvent:
        """Encrypt a prepared message, as an event."""
        async with self.database.write() as connection:
            encrypted = await self.encryption.encrypt(
                connection,
                user_id=sender,
                room_id=room_id,
                recipients=self.prepared.get((sender, room_id), frozenset()),
                event_type="m.room.message",
                content={"msgtype": "m.text", "body": body, **content},
            )
        return event(encrypted.content, sender=sender, room_id=room_id)

    async def send(self, body: str, *recipients: str, **rotation: int) -> EncryptedEvent:
        """Prepare and encrypt, and again when meanwhile something changed, as every caller has to."""
        for _ in range(5):
            await self.prepare(*recipients, **rotation)
            try:
                return await self.say(body)
            except SessionNotReadyError:
                continue
        raise AssertionError("never ready")

    async def deliver(self, user_id: str, encryption: Encryption | None = None) -> list[int]:
        """Hand over what waits for our user's device; the inbox items that this made."""
        machine = encryption or self.encryption
        device_id = await self.device_id(user_id)
        return [
            await self.receive(user_id, device_id, message, machine)
            for message in self.server.take_inbox(user_id, device_id)
        ]

    async def given(self, client: Client, user_id: str = LUCIA) -> vodozemac.GroupSession:
        """A new session of this client's, whose key our user has."""
        session = vodozemac.GroupSession()
        await client.give(user_id, session)
        await self.deliver(user_id)
        return session

    async def receive(
        self, user_id: str, device_id: str, message: dict[str, Any], encryption: Encryption | None = None
    ) -> int:
        """Store one to-device message in the inbox and have it handled."""
        seq = await self.store(message)
        await (encryption or self.encryption).receive_to_device(
            seq, ToDeviceEvent(**message, to_user_id=user_id, to_device_id=device_id)
        )
        return seq

    async def store(self, message: dict[str, Any]) -> int:
        """Store one to-device message in the inbox."""
        async with self.database.write() as connection:
            row = {
                "dedupe_key": uuid4().hex,
                "kind": "to_device",
                "payload": message,
                "received_at": self.clock(),
            }
            return (await connection.execute(insert(inbox).values(row))).inserted_primary_key[0]

    async def device_id(self, user_id: str = LUCIA) -> str:
        """The id of our user's device."""
        device = await self.encryption.device_of(user_id)
        assert device is not None
        return device.device_id

    async def read(self, said: EncryptedEvent, reader: str = LUCIA) -> Decrypted | Undecryptable:
        """What our user can read of this event."""
        (read,) = await self.encryption.decrypt(reader, [said])
        return read

    async def is_processed(self, seq: int) -> bool:
        """Whether the inbox item is done."""
        async with self.database.read() as connection:
            query = select(inbox.c.processed_at).where(inbox.c.seq == seq)
            return await connection.scalar(query) is not None
