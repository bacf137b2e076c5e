"""The portal's sender, and a room whose messages it brings to other servers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from prometheus_client import CollectorRegistry

from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.events import RoomEvent
from bridge.matrix.module import Deliveries
from bridge.states.delivery import Delivery
from bridge.storage.conversations import timeline
from tests.bridge.clinic import GARCIA, LUCIA, PORTAL, Clinic

CLINIC2 = "other.example:7448"


@dataclass
class FakeSender:
    """The portal's sender: places of events, and how far each server has taken them."""

    places: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    is_down: bool = False

    async def deliveries(self, *, server: str, event_ids: Sequence[str]) -> Deliveries:
        """As the module answers."""
        self.asked.append((server, list(event_ids)))
        await asyncio.sleep(0)
        if self.is_down:
            raise HomeserverUnreachableError
        known = {event_id: self.places[event_id] for event_id in event_ids if event_id in self.places}
        return Deliveries(events=known, sent=self.sent.get(server))


@dataclass
class Ward:
    """A consult room of Lucia and Garcia, the sender, and one process that follows deliveries."""

    clinic: Clinic
    room: str
    sender: FakeSender = field(default_factory=FakeSender)

    def follower(self) -> Delivery:
        """A process that follows."""
        return Delivery(
            database=self.clinic.database,
            sender=self.sender,
            portal_server=PORTAL,
            registry=CollectorRegistry(),
            now=self.clinic.clock,
        )

    async def push(self, event_type: str, sender: str, **more: object) -> str:
        """The homeserver pushes an event; its place in the portal's stream is its number there."""
        event_id = f"${uuid4().hex}"
        event = RoomEvent(
            event_id=event_id,
            room_id=self.room,
            sender=sender,
            type=event_type,
            origin_server_ts=1,
            **{"content": {}, **more},
        )
        self.sender.places[event_id] = len(self.sender.places) + 1
        await self.clinic.main.inbound.room_event(await self.clinic.store(), event)
        return event_id

    async def say(self, sender: str = LUCIA) -> str:
        """A message."""
        return await self.push("m.room.encrypted", sender, content={"ciphertext": "…"})

    async def join(self, person: str = GARCIA) -> None:
        """Somebody comes in."""
        await self.push("m.room.member", person, state_key=person, content={"membership": "join"})

    async def statuses(self) -> list[str]:
        """What each message is by its columns, in order."""
        rows = [row for row in await self.clinic.rows(timeline) if row.is_message]
        return ["read" if row.read_at else "delivered" if row.delivered_at else "sent" for row in rows]
