"""The table behind bridge/facts.py."""

from sqlalchemy import JSON, BigInteger, Column, Integer, Table, Text

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
)
