"""The table of the people known to us."""

from sqlalchemy import Boolean, Column, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

people = Table(
    "people",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("managed", Boolean, nullable=False),
    Column("display_name_sealed", LargeBinary, nullable=True),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("deactivated_at", Instant, nullable=True),
)
