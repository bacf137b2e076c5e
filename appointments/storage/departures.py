"""Professionals who have left. A departure closes every care relationship entered before it."""

from datetime import datetime

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import Instant, metadata

departures = Table(
    "departures",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)


async def store(connection: AsyncConnection, user_id: str, *, at: datetime) -> None:
    """Record that this professional has left."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(departures).values(user_id=user_id, at=at)
    await connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_={"at": at}))
