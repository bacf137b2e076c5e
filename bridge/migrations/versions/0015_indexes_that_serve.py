"""Indexes that serve the statements they were made for"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SAID_SHORTLY = sa.text("is_message AND delivered_at IS NULL")
_AS_QUERIES_SAY_IT = sa.text("is_message = 1 AND delivered_at IS NULL")


def upgrade() -> None:
    op.create_index("ix_e2ee_outbound_sessions_room", "e2ee_outbound_sessions", ["user_id", "room_id"])
    _undelivered(_AS_QUERIES_SAY_IT)


def downgrade() -> None:
    op.drop_index("ix_e2ee_outbound_sessions_room", "e2ee_outbound_sessions")
    _undelivered(_SAID_SHORTLY)


def _undelivered(condition: sa.TextClause) -> None:
    # On SQLite a query compares a truth value with 1; an index whose condition did not was used by none.
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_timeline_undelivered", "timeline")
        op.create_index("ix_timeline_undelivered", "timeline", ["room_id"], sqlite_where=condition)
