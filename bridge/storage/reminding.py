"""The tables of what is said about appointments: what has to be announced, and open dialogues."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata
from bridge.storage.sends import sends

# A change of an appointment whose announcements and reminders are not in the ledger yet; its row goes when they are.
appointment_notices = Table(
    "appointment_notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("appointment_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # booked | moved | cancelled | offered | confirmed | wishes
    Column("by", Text, nullable=True),
    Column("at", Instant, nullable=False),
)
# What each person can choose now in her chat with the assistant; what it says is sealed.
dialogues = Table(
    "dialogues",
    metadata,
    Column("person", Text, primary_key=True),
    Column("send_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
# Which message somebody answers is looked up by its event.
Index("ix_sends_event", sends.c.event_id)
