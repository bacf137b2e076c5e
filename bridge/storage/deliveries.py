"""The ledger of what people are to be told, see bridge/deliveries/ledger.py."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, and_, literal_column

from appointments.storage.schema import Instant, metadata

# `state` is pending, failed (to be tried again), sent, given_up or cancelled. While a process is at a row, its
# `due_at` lies past the end of the lease and `claim` names the lease. `words` and addresses are sealed.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claim", Text, nullable=True),
    Column("done_at", Instant, nullable=True),
    # When the clinic was told that this one was given up.
    Column("alerted_at", Instant, nullable=True),
)
# Written out: no database uses the index for a condition whose values are bound.
IS_OPEN = deliveries.c.state.in_([literal_column("'pending'"), literal_column("'failed'")])
IS_UNALERTED = and_(deliveries.c.state == literal_column("'given_up'"), deliveries.c.alerted_at.is_(None))
Index(
    "ix_deliveries_unalerted",
    deliveries.c.done_at,
    sqlite_where=IS_UNALERTED,
    postgresql_where=IS_UNALERTED,
)
Index(
    "ix_deliveries_due",
    deliveries.c.channel,
    deliveries.c.due_at,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
Index("ix_deliveries_subject", deliveries.c.subject)
Index("ix_deliveries_done", deliveries.c.done_at)
