"""The table of messages on their way from us to the homeserver, see bridge/messages/outbox.py."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from appointments.storage.schema import Instant, metadata

DELIVERY_PREFIX = "delivery:"
"""Begins the ids of what the assistant says for the ledger of deliveries (bridge/reminding/chat.py)."""

sends = Table(
    "sends",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("room_id", Text, nullable=False),  # of a conversation, the conversation's id
    # The room that it was encrypted for, if that is another: the conversation's rooms were upgraded.
    Column("upgraded_room_id", Text, nullable=True),
    Column("sender", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("txn_id", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # accepted | encrypted | sent | refused
    Column("sealed", LargeBinary, nullable=True),  # the content, until it is encrypted
    Column("content", JSON, nullable=True),  # the ciphertext, until the homeserver has it
    Column("device_id", Text, nullable=True),
    Column("session_id", Text, nullable=True),
    Column("message_index", Integer, nullable=True),
    Column("event_id", Text, nullable=True),
    Column("accepted_at", Instant, nullable=False),
    Column("sent_at", Instant, nullable=True),
    # An index of a Megolm session encrypts one message, ever: two would share a key stream.
    UniqueConstraint("session_id", "message_index"),
)


def target_room(row: Row[Any]) -> str:
    """The room into which this message was encrypted."""
    return str(row.upgraded_room_id or row.room_id)


# Written out: no database uses the index for a condition whose values are bound.
IS_WAITING = sends.c.state.in_([literal_column("'accepted'"), literal_column("'encrypted'")])
Index(
    "ix_sends_waiting",
    sends.c.room_id,
    sends.c.seq,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
IS_REFUSED = sends.c.state == literal_column("'refused'")
Index("ix_sends_refused", sends.c.accepted_at, sqlite_where=IS_REFUSED, postgresql_where=IS_REFUSED)
