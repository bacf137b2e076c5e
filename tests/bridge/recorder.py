"""Items of the inbox, and handlers that note what they did with them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bridge.inbound.dispatch import Dispatcher
from bridge.inbound.inbox import StoredItem, store, waiting
from bridge.inbound.items import InboxItem
from bridge.matrix.events import Receipt, RoomEvent, ToDeviceEvent
from bridge.storage.database import Database
from bridge.storage.inbox import mark_processed

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RETRY_S = 0.01


class Recorder:
    """Handlers that note what they did, and fail or wait when told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.done: list[str] = []
        self.begun: list[str] = []
        self.failures: defaultdict[str, list[Exception]] = defaultdict(list)
        self.gates: dict[str, asyncio.Event] = {}

    async def to_device(self, seq: int, event: ToDeviceEvent) -> None:
        """Note it."""
        await self._do(seq, event.content["name"])

    async def device_lists(self, seq: int, changed: list[str], left: list[str]) -> None:
        """Note it."""
        await self._do(seq, f"changed {changed} left {left}")

    async def key_counts(self, seq: int, counts: Any, unused_fallback: Any) -> None:
        """Note it."""
        await self._do(seq, f"counts {counts} {unused_fallback}")

    async def room_event(self, seq: int, event: RoomEvent) -> None:
        """Note it."""
        await self._do(seq, event.event_id)

    async def receipts(self, seq: int, room_id: str, receipts: list[Receipt]) -> None:
        """Note it."""
        await self._do(seq, f"{room_id} read by {[receipt.user_id for receipt in receipts]}")

    async def _do(self, seq: int, name: str) -> None:
        self.begun.append(name)
        if name in self.gates:
            await self.gates[name].wait()
        if self.failures[name]:
            raise self.failures[name].pop(0)
        async with self.database.write() as connection:
            await mark_processed(connection, seq, at=AT)
        self.done.append(name)


def event(name: str, room: str = "!r") -> InboxItem:
    """A room event."""
    payload = {
        "event_id": name,
        "room_id": room,
        "sender": "@garcia:h",
        "type": "m.room.encrypted",
        "origin_server_ts": 1,
        "content": {},
    }
    return InboxItem(kind="event", dedupe_key=name, payload=payload)


def message(name: str) -> InboxItem:
    """A to-device message."""
    payload = {
        "sender": "@garcia:h",
        "type": "m.room.encrypted",
        "content": {"name": name},
        "to_user_id": "@portal_lucia:h",
        "to_device_id": "VC1",
    }
    return InboxItem(kind="to_device", dedupe_key=name, payload=payload)


OTHERS = [
    InboxItem("device_lists", "d", {"changed": ["@a:h"], "left": []}),
    InboxItem("key_counts", "k", {"counts": {"@a:h": {"D": {}}}, "unused_fallback": {"@a:h": {"D": []}}}),
    InboxItem(
        "ephemeral", "r", {"room_id": "!r", "receipts": [{"event_id": "$1", "user_id": "@a:h", "ts": 1}]}
    ),
]


async def stored(database: Database, *items: InboxItem) -> list[StoredItem]:
    """These items, stored."""
    async with database.write() as connection:
        return await store(connection, items, at=AT)


async def left_over(database: Database) -> list[str]:
    """What is not processed."""
    async with database.read() as connection:
        return [item.payload.get("event_id", item.kind) for item in await waiting(connection)]


@asynccontextmanager
async def dispatching(database: Database, handlers: Recorder, **options: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work."""
    dispatcher = Dispatcher(
        database=database, handlers=handlers, now=lambda: AT, first_retry_s=RETRY_S, **options
    )
    await dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.stop(grace_s=0.1)
