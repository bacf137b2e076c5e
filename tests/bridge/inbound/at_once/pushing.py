"""One push, handled in the transaction that stores it."""

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from bridge.e2ee.model import MEGOLM
from bridge.inbound.inbox import StoredItem, store
from bridge.inbound.items import InboxItem, items_of_transaction
from bridge.matrix.json import JsonObject
from tests.bridge.clinic import GARCIA
from tests.bridge.process import Process


def event(room_id: str, event_type: str = "m.room.encrypted", **changes: Any) -> JsonObject:
    """An event of Garcia's, as it is pushed."""
    return {
        "event_id": f"${uuid4().hex}",
        "room_id": room_id,
        "sender": GARCIA,
        "type": event_type,
        "origin_server_ts": 1_772_355_600_000,
        "content": {"ciphertext": "…"},
        **changes,
    }


def unknown(room_id: str) -> JsonObject:
    """A message with a session that nobody of ours has."""
    content = {"algorithm": MEGOLM, "session_id": "S", "ciphertext": "…"}
    return event(room_id, content=content)


async def push(process: Process, *events: JsonObject, busy: Collection[str] = (), **more: Any) -> list[str]:
    """The ids of the events that are left, after one push; other items by their kind."""
    items: list[InboxItem] = items_of_transaction({"events": list(events), **more})
    async with process.database.write() as connection:
        stored = await store(connection, items, at=process.now())
        handled = await process.at_once.handle(connection, stored, is_busy=lambda room: room in busy)
    process.at_once.tell(handled)
    return [name_of(item) for item in handled.left]


def name_of(item: StoredItem) -> str:
    """Its event id, or its kind."""
    return str(item.payload.get("event_id", item.kind))
