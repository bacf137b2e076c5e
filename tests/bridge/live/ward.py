"""Two conversations, what happens in them, and what is told of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.facts import Fact, append
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.streams import Event, Streams
from bridge.matrix.events import RoomEvent
from bridge.rooms.rooms import record_event
from bridge.storage.database import Database
from tests.bridge.consult_room import open_room
from tests.bridge.live.words import FakeWords

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
LUCIA, JUAN, GARCIA = "@portal_lucia:portal", "@portal_juan:portal", "@garcia:hospital"
ROOM, OTHER_ROOM = "!lucia", "!juan"


@dataclass
class Ward:
    """Two conversations of Garcia's, and a process that tells what happens in them."""

    database: Database
    words: FakeWords = field(default_factory=FakeWords)
    now: datetime = NOW

    def __post_init__(self) -> None:
        """Start the process."""
        self.streams = self.process()
        self.notifier = self.streams.notifier

    def process(self) -> Streams:
        """A process on this database."""
        made = Placing(database=self.database, portal_server="portal", now=lambda: self.now)
        notifier = Notifier(database=self.database, placing=made)
        return Streams(database=self.database, notifier=notifier, words=self.words, now=lambda: self.now)

    async def open(self, room_id: str, patient: str) -> None:
        """A conversation of this patient and Garcia."""
        async with self.database.write() as connection:
            await open_room(connection, room_id, patient=patient, professional=GARCIA, now=NOW)

    async def say(self, name: str, *, room_id: str = ROOM, sender: str = GARCIA) -> None:
        """A message was pushed to us."""
        async with self.database.write() as connection:
            await self.say_in(connection, name, room_id=room_id, sender=sender)

    async def say_in(self, connection: Any, name: str, *, room_id: str = ROOM, sender: str = GARCIA) -> None:
        """The same, in a transaction of the caller's."""
        event = RoomEvent(
            event_id=f"${name}",
            room_id=room_id,
            sender=sender,
            type="m.room.encrypted",
            origin_server_ts=0,
            content={"ciphertext": name},
        )
        await record_event(connection, event)
        await append(connection, fact("message.received", name, room_id=room_id))

    async def read(self, reader: str, after: int, *, with_bodies: bool = False) -> tuple[list[Event], int]:
        """What a stream of this reader tells next."""
        await self.notifier.current()
        events, place, _ = await self.streams.read(reader, after=after, with_bodies=with_bodies)
        return events, place

    async def told(self, reader: str, after: int = 0) -> list[str]:
        """The messages that a stream of this reader tells."""
        return [event.data["message_id"] for event in (await self.read(reader, after))[0]]


def fact(kind: str, name: str, *, room_id: str = ROOM) -> Fact:
    """Something about a message."""
    return Fact(id=f"{kind}:${name}", kind=kind, subject=room_id, at=NOW, data={"event_id": f"${name}"})
