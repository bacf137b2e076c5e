"""The table of how each person wants to be told, see bridge/deliveries/preferences.py. All of it is sealed."""

from sqlalchemy import Column, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

notification_preferences = Table(
    "notification_preferences",
    metadata,
    Column("person", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
