"""The inbox: everything a homeserver pushed to us, stored before it is acknowledged, until it is processed.

One row an item. `dedupe_key` makes a repeated push harmless, whatever its transaction id: homeservers start
their transaction ids again after a restart on SQLite, and to-device messages come again with a catch-up sync.
The payload (ciphertext, or state without words of people) is dropped once the item is processed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import Instant, metadata

inbox = Table(
    "inbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("dedupe_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # event | to_device | ephemeral | device_lists | key_counts
    Column("payload", JSON, nullable=True),
    Column("received_at", Instant, nullable=False),
    Column("processed_at", Instant, nullable=True),
)
Index(
    "ix_inbox_waiting",
    inbox.c.seq,
    sqlite_where=inbox.c.processed_at.is_(None),
    postgresql_where=inbox.c.processed_at.is_(None),
)

_MARK_PROCESSED = (
    update(inbox).where(inbox.c.seq == bindparam("item")).values(processed_at=bindparam("at"), payload=None)
)


async def mark_processed(connection: AsyncConnection, seq: int, *, at: datetime) -> None:
    """Say, in the transaction that holds its effects, that an item is done; forget its payload."""
    await connection.execute(_MARK_PROCESSED, {"item": seq, "at": at})


async def mark_all_processed(connection: AsyncConnection, seqs: Sequence[int], *, at: datetime) -> None:
    """The same of several items."""
    if seqs:
        await connection.execute(_MARK_PROCESSED, [{"item": seq, "at": at} for seq in seqs])
