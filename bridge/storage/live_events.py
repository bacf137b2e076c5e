"""What people with an open stream are told, see bridge/live/placing.py.

One row for each person and thing that happened. `place` only grows and never comes again, not even after pruning:
it is the cursor of the streams.
"""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from appointments.storage.schema import Instant, metadata

live_events = Table(
    "live_events",
    metadata,
    Column("place", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("person", Text, nullable=False),
    # What it is about: nobody is told the same twice.
    Column("about", Text, nullable=True),
    Column("event", Text, nullable=False),  # message | status | visit | appointment
    Column("data", JSON, nullable=False),  # opaque ids and states, no words of people
    Column("sender", Text, nullable=True),  # of a message, where that is known; not shown
    Column("at", Instant, nullable=False),
    Column("placed_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_live_events_about", live_events.c.person, live_events.c.about, unique=True)
Index("ix_live_events_person", live_events.c.person, live_events.c.place)
Index("ix_live_events_placed_at", live_events.c.placed_at)
