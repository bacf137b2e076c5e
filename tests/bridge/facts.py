"""What a test finds recorded."""

from typing import Any

from sqlalchemy import select

from bridge.storage.database import Database
from bridge.storage.facts import facts


async def recorded(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Every fact, in order: kind and data."""
    async with database.read() as connection:
        rows = await connection.execute(select(facts.c.kind, facts.c.data).order_by(facts.c.seq))
        return [(row.kind, row.data) for row in rows]
