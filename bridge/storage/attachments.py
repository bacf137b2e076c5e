"""The table of files that were uploaded through our API.

What opens a file, its name, type, size and hash are in `sealed`, until the message that carries it was sent: then
the encrypted event holds them, and the row only says which message that is.
"""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

attachments = Table(
    "attachments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),  # uploaded | sent
    Column("sealed", LargeBinary, nullable=True),
    Column("send_id", Text, nullable=True, unique=True),  # of the row in `sends`
    Column("created_at", Instant, nullable=False),
)
Index("ix_attachments_conversation_id", attachments.c.conversation_id)
Index("ix_attachments_created_at", attachments.c.state, attachments.c.created_at)
