"""Tables of consult rooms: who talks with whom in which room, who is in it, what happened in it and who read it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from appointments.storage.schema import Instant, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False),
    Column("professional", Text, nullable=False),
    # Stands in the room's m.room.create, so that a room made just before a crash is recognised afterwards.
    Column("nonce", Text, nullable=False, unique=True),
    # Its first room, whose id is the conversation's: by it everything else here and callers know the conversation.
    Column("room_id", Text, nullable=True, unique=True),
    # The room in which it goes on, once another took the place of the first (bridge/upgrading.py).
    Column("upgraded_to", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    # Null until the managed people have joined: from then on messages can be sent.
    Column("opened_at", Instant, nullable=True),
    # Null until everybody who takes part was invited once.
    Column("invited_at", Instant, nullable=True),
    # What the room was last made to be (bridge/rooms/membership.py), and when to look at that again: the next
    # instant at which care or a representation begins or ends, a change just made, or a step that had to wait.
    # The default, as SQLite writes instants, is for conversations from before there was this column: they are due.
    Column("applied", Text, nullable=True),
    Column("review_at", Instant, nullable=True, server_default="1970-01-01 00:00:00.000000"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("rotation_period_msgs", Integer, nullable=False),
    Column("rotation_period_ms", BigInteger, nullable=False),
    UniqueConstraint("patient", "professional"),
)
Index("ix_conversations_professional", conversations.c.professional)
Index("ix_conversations_review", conversations.c.review_at)

# The rooms that took the place of a conversation's first, in their order.
room_upgrades = Table(
    "room_upgrades",
    metadata,
    Column("conversation_id", Text, primary_key=True),  # conversations.room_id
    Column("number", Integer, primary_key=True),  # 1 for the second room
    Column("nonce", Text, nullable=False, unique=True),  # in its m.room.create, as above
    Column("room_version", Text, nullable=False),
    Column("room_id", Text, nullable=True, unique=True),
    Column("begun_at", Instant, nullable=False),
    # Null until the conversation goes on there, and until nobody can write in the room before it any more.
    Column("moved_at", Instant, nullable=True),
    Column("closed_at", Instant, nullable=True),
)

# Who is in the room in which a conversation goes on (`room_id` is the conversation's id), or in a direct chat.
room_members = Table(
    "room_members",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("membership", Text, nullable=False),
    # The place in the timeline at which they came in, where that is known.
    Column("joined_seq", BigInteger, nullable=True),
    # When they came in, until they have been given keys (bridge/rooms/introductions.py).
    Column("new_since", Instant, nullable=True),
)
Index(
    "ix_room_members_new",
    room_members.c.new_since,
    sqlite_where=text("new_since IS NOT NULL"),
    postgresql_where=room_members.c.new_since.is_not(None),
)

timeline = Table(
    "timeline",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("room_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    # An edit, a state event or a reaction takes its place in the order, but nobody counts it as a message.
    Column("is_message", Boolean, nullable=False),
    # Whether it stands behind events that followed it: the homeserver didn't push it (bridge/inbound/missed.py).
    Column("is_late", Boolean, nullable=False, server_default=false()),
    # A message that was redacted keeps its place, and nobody has to be told of it any more.
    Column("is_taken_back", Boolean, nullable=False, server_default=false()),
    # A message's states, which only move forward (bridge/states/statuses.py).
    Column("delivered_at", Instant, nullable=True),
    Column("read_at", Instant, nullable=True),
    # The room of the conversation that it is in, if that is a later one than the first.
    Column("upgraded_room_id", Text, nullable=True),
)
Index("ix_timeline_room", timeline.c.room_id, timeline.c.seq)
IS_UNDELIVERED = timeline.c.is_message & timeline.c.delivered_at.is_(None)
Index(
    "ix_timeline_undelivered",
    timeline.c.room_id,
    sqlite_where=text("is_message = 1 AND delivered_at IS NULL"),  # as its queries say it
    postgresql_where=IS_UNDELIVERED,
)

Index(
    "ix_timeline_late",
    timeline.c.room_id,
    timeline.c.seq,
    sqlite_where=text("is_late = 1"),  # as its queries say it
    postgresql_where=timeline.c.is_late,
)

receipts = Table(
    "receipts",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # the event's place in the timeline
    Column("at", Instant, nullable=False),
)

# Receipts on events that have no place yet: they came, or were given over REST, before the event was pushed.
early_receipts = Table(
    "early_receipts",
    metadata,
    Column("room_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# Messages that a professional has said to be on, by a reaction (bridge/states/attending.py).
attended = Table(
    "attended",
    metadata,
    Column("reaction_id", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # the message's place in the timeline
    Column("user_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_attended_room", attended.c.room_id, attended.c.seq)
