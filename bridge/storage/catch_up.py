"""How far each device of ours has read its inbox at the homeserver, see bridge/inbound/catchup.py."""

from sqlalchemy import Column, Table, Text

from appointments.storage.schema import Instant, metadata

catch_up = Table(
    "catch_up",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("since", Text, nullable=False),
    # When the homeserver last had nothing left for the device. What came before can't come again.
    Column("emptied_at", Instant, nullable=True),
)
