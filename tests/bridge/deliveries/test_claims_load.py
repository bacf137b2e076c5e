"""Ten thousand reminders that are due in one minute: nobody has one twice. `make bench` says how long it takes."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from appointments.sealing import Sealer
from bridge.deliveries import claims
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries

NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
_COUNT = 10_000
_AT_ONCE = 50


async def test_ten_thousand_are_claimed_once(database: Database) -> None:
    """By two that claim side by side, on each database; what is due later stays."""
    sealer = Sealer(b"s" * 32)
    rows = [
        {
            "id": f"r{number}",
            "person": f"@p{number}:x",
            "channel": "chat",
            "kind": "appointment.reminder",
            "subject": f"a{number}",
            "sealed": sealer.seal(b"{}", context=f"deliveries:r{number}"),
            "state": "pending",
            "due_at": NOW + timedelta(seconds=number % 60 if number < _COUNT else 61),
            "attempts": 0,
        }
        for number in range(_COUNT + 5)
    ]
    async with database.write() as connection:
        await connection.execute(insert(deliveries), rows)

    async def claim_all() -> list[str]:
        mine: list[str] = []
        while True:
            async with database.write() as connection:
                found = await claims.claim(
                    connection, channel="chat", sealer=sealer, most=_AT_ONCE, now=NOW + timedelta(minutes=1)
                )
            if not found:
                return mine
            mine += [one.id for one in found]

    first, second = await asyncio.gather(claim_all(), claim_all())
    claimed = [*first, *second]
    assert len(claimed) == len(set(claimed)) == _COUNT
