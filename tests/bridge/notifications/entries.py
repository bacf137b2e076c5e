"""What the tests of the ledger enter, claim and look at."""

from datetime import UTC, datetime
from typing import Any

from appointments.sealing import Sealer
from bridge.deliveries import claims, ledger
from bridge.deliveries.claims import Claimed
from bridge.deliveries.ledger import Delivery
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(b"s" * 32)


def delivery(number: int = 1, **changes: Any) -> Delivery:
    """An e-mail to Lucía about a conversation."""
    given: dict[str, Any] = {
        "id": f"message:{number}",
        "person": "@portal_lucia:portal",
        "channel": "email",
        "kind": "message",
        "subject": "!room",
        "due_at": NOW,
        "data": {"address": "lucia@example.org"},
    }
    return Delivery(**(given | changes))


async def enqueue(database: Database, *given: Delivery) -> list[bool]:
    """Take these in."""
    async with database.write() as connection:
        return [await ledger.enqueue(connection, one, sealer=SEALER) for one in given]


async def claim(database: Database, *, at: datetime = NOW, most: int = 10) -> list[Claimed]:
    """What a process gets."""
    async with database.write() as connection:
        return list(await claims.claim(connection, channel="email", sealer=SEALER, most=most, now=at))


async def states(database: Database) -> list[str]:
    """The states of all rows, by id."""
    async with database.read() as connection:
        rows = await connection.execute(deliveries.select().order_by(deliveries.c.id))
        return [row.state for row in rows]
