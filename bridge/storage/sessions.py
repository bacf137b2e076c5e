"""The table of sessions. Only a hash of each token is stored, and of the OpenID token that it was made with.

`key_id` is the API key that made the session of a managed user; empty for one that came of an OpenID token.
"""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from appointments.storage.schema import Instant, metadata

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("key_id", Text, nullable=True),
    Column("openid_sha256", LargeBinary, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
)
Index("ix_sessions_user_id", sessions.c.user_id)
Index("ix_sessions_openid_sha256", sessions.c.openid_sha256)
Index("ix_sessions_expires_at", sessions.c.expires_at)
