"""How fast the ledger of deliveries is claimed: reminders that are due among those done and those to come.

Claimed and finished as the couriers do it, by two at once; at a tenth of the size too, so that growth shows.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import insert

from appointments.sealing import Sealer
from benchmarks.table import Row, at_least
from bridge.deliveries import ledger
from bridge.migrations import upgrade_database
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries

_NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
_DONE_FOR_EACH, _LATER_FOR_EACH = 4, 5
_AT_ONCE = 32
_CLAIMERS = 2
_BAR = at_least(1000)
"""Ten thousand in ten seconds."""


async def measure(directory: Path, *, due: int, rounds: int) -> list[Row]:
    """A row for each size."""
    rates: dict[int, list[float]] = {due: [], due // 10: []}
    for number in range(rounds):
        for size, found in rates.items():
            found.append(await _rate(directory / f"{number}-{size}.db", due=size))
    full, tenth = (median(found) for found in rates.values())
    return [
        Row(
            name=f"reminders claimed a second, {due:,} due of {_rows(due):,}",
            measured=f"{full:,.0f}/s",
            bar=_BAR,
            value=full,
        ),
        Row(
            name=f"  {due // 10:,} due of {_rows(due // 10):,}",
            measured=f"{tenth:,.0f}/s",
            peer=f"ten times as many {full:,.0f}/s",
            ratio=full / tenth,
            bar=at_least(0.5),
        ),
    ]


def _rows(due: int) -> int:
    return due * (1 + _DONE_FOR_EACH + _LATER_FOR_EACH)


async def _rate(path: Path, *, due: int) -> float:
    url = f"sqlite:///{path}"
    await upgrade_database(url)
    database = Database(url)
    await database.open()
    sealer = Sealer(b"s" * 32)
    async with database.write() as connection:
        rows = [_row(number, sealer, due=due) for number in range(_rows(due))]
        await connection.execute(insert(deliveries), rows)
    began = time.monotonic()
    claimed = await asyncio.gather(*(_claim_all(database, sealer) for _ in range(_CLAIMERS)))
    took = time.monotonic() - began
    await database.close()
    assert sum(claimed) == due
    return due / took


async def _claim_all(database: Database, sealer: Sealer) -> int:
    count = 0
    while True:
        async with database.write() as connection:
            found = await ledger.claim(
                connection, channel="chat", sealer=sealer, most=_AT_ONCE, now=_NOW + timedelta(minutes=1)
            )
        if not found:
            return count
        count += len(found)


def _row(number: int, sealer: Sealer, *, due: int) -> dict[str, object]:
    person = f"@p{number}:portal.example"
    delivery_id = f"appointment.reminder:120:{number}:1:{person}:chat"
    is_due, is_done = number < due, number >= due * (1 + _LATER_FOR_EACH)
    day = timedelta(days=0 if is_due else -1 if is_done else 1)
    return {
        "id": delivery_id,
        "person": person,
        "channel": "chat",
        "kind": "appointment.reminder",
        "subject": f"a{number}",
        "sealed": sealer.seal(b"{}", context=f"deliveries:{delivery_id}"),
        "state": "sent" if is_done else "pending",
        "due_at": _NOW + day + timedelta(seconds=number % 60),
        "attempts": int(is_done),
        "done_at": _NOW + day if is_done else None,
    }
