"""The table of browsers that take pushes, see bridge/deliveries/subscriptions.py.

`id` is the pushkey of Matrix pushers, so it has 192 random bits. An endpoint is one browser's.
"""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("endpoint_sha256", LargeBinary, nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("ix_push_subscriptions_person", push_subscriptions.c.person)
