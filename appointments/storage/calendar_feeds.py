"""The table of calendar feeds: one a person, known by the hash of its secret."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary, Table, Text, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import Instant, metadata

calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    Column("person", Text, primary_key=True),
    Column("secret_sha256", LargeBinary, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

_PERSON = select(calendar_feeds.c.person).where(calendar_feeds.c.secret_sha256 == bindparam("hash"))


async def store(connection: AsyncConnection, person: str, *, secret_sha256: bytes, now: datetime) -> None:
    """This person's feed; another secret she had opens it no more."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"secret_sha256": secret_sha256, "created_at": now}
    statement = insert(calendar_feeds).values(person=person, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["person"], set_=values))


async def find_person(connection: AsyncConnection, *, secret_sha256: bytes) -> str | None:
    """Whose feed this secret opens."""
    found: str | None = (await connection.execute(_PERSON, {"hash": secret_sha256})).scalar_one_or_none()
    return found


async def remove(connection: AsyncConnection, person: str) -> None:
    """No secret of hers opens a feed any more. May be repeated."""
    await connection.execute(delete(calendar_feeds).where(calendar_feeds.c.person == person))
