"""The table behind bridge/facts.py."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from appointments.storage.schema import Instant, metadata

facts = Table(
    "facts",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", JSON, nullable=False),
    # Null until its live events have their places (bridge/live/placing.py).
    Column("placed_at", Instant, nullable=True),
)
Index(
    "ix_facts_unplaced",
    facts.c.seq,
    sqlite_where=facts.c.placed_at.is_(None),
    postgresql_where=facts.c.placed_at.is_(None),
)
