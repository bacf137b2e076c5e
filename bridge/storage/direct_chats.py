"""The table of direct chats with the assistant, see bridge/rooms/direct_chats.py."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from appointments.storage.schema import Instant, metadata

direct_chats = Table(
    "direct_chats",
    metadata,
    Column("person", Text, primary_key=True),
    # Stands in the room's m.room.create, so that a room made just before a crash is recognised afterwards.
    Column("nonce", Text, nullable=False, unique=True),
    Column("room_id", Text, nullable=True, unique=True),
    Column("created_at", Instant, nullable=False),
    # Null while her invitation has to wait, for instance because her homeserver is down.
    Column("invited_at", Instant, nullable=True),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Instant, nullable=False),
    Column("rotation_period_msgs", Integer, nullable=False),
    Column("rotation_period_ms", BigInteger, nullable=False),
)
