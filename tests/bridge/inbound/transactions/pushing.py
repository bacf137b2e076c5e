"""A homeserver that pushes, and what stands around the routes that it calls."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp.test_utils import TestClient

from bridge.inbound.at_once import Handled
from bridge.inbound.inbox import StoredItem, waiting
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database
from bridge.storage.inbox import mark_processed

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HS_TOKEN = "hs-token-ñ"
BEARER = {"Authorization": f"Bearer {HS_TOKEN}"}
COUNTS = "org.matrix.msc3202.device_one_time_keys_count"
KEY = {
    "type": "m.room.encrypted",
    "sender": "@garcia:h",
    "to_user_id": "@portal_lucia:h",
    "to_device_id": "D",
    "content": {"ciphertext": {}},
}
RECEIPTS = {
    "type": "m.receipt",
    "room_id": "!r",
    "content": {"$1": {"m.read": {"@garcia:h": {"ts": 1}}}},
}


@dataclass
class Bridge:
    """What stands around the routes."""

    database: Database
    submitted: list[StoredItem] = field(default_factory=list)
    troubles: int = 0
    rung: list[str] = field(default_factory=list)
    at_once: Literal["nothing", "everything", "fails"] = "nothing"
    now: datetime = AT

    def submit(self, items: list[StoredItem]) -> None:
        """Take the dispatcher's place."""
        self.submitted.extend(items)

    def is_busy(self, _room_id: str) -> bool:
        """It has nothing to do."""
        return False

    async def handle(self, connection: Any, items: list[StoredItem], **_: object) -> Handled:
        """Do at once what the test says: nothing, everything, or fail after it."""
        if self.at_once == "nothing":
            return Handled(items)
        for item in items:
            await mark_processed(connection, item.seq, at=AT)
        if self.at_once == "fails":
            raise RuntimeError
        return Handled([], frozenset({"@lucia:p"} if items else ()))

    def tell(self, handled: Handled) -> None:
        """Take the notifier's place."""
        self.rung += handled.told

    def trouble(self) -> None:
        """Count."""
        self.troubles += 1


def event(event_id: str) -> JsonObject:
    """A room event."""
    return {
        "event_id": event_id,
        "room_id": "!r",
        "sender": "@garcia:h",
        "type": "m.room.encrypted",
        "origin_server_ts": 1,
        "content": {"ciphertext": "x"},
    }


async def push(http: TestClient[Any, Any], body: Any, txn_id: str = "1") -> int:
    """The status that a push gets."""
    path = f"/_matrix/app/v1/transactions/{txn_id}"
    async with http.put(path, json=body, headers=BEARER) as response:
        if response.status == 200:
            assert await response.json() == {}
        return response.status


async def waiting_in(bridge: Bridge) -> list[StoredItem]:
    """What is stored and not processed."""
    async with bridge.database.read() as connection:
        return await waiting(connection)
