"""Which deliveries that were given up the clinic has heard of"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_IS_UNALERTED = sa.text("state = 'given_up' AND alerted_at IS NULL")
_LAST_LOOK = sa.text("SELECT value FROM bridge_state WHERE key = 'notifications.alerted'")
_MARK_ALL = sa.text("UPDATE deliveries SET alerted_at = done_at WHERE state = 'given_up'")
_MARK_UNTIL = sa.text(f"{_MARK_ALL} AND done_at <= :last").bindparams(
    sa.bindparam("last", type_=sa.DateTime(timezone=True))
)


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True))
    _mark_what_was_told()
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_unalerted",
            ["done_at"],
            unique=False,
            sqlite_where=_IS_UNALERTED,
            postgresql_where=_IS_UNALERTED,
        )


def downgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_unalerted")
        batch_op.drop_column("alerted_at")


def _mark_what_was_told() -> None:
    """What was given up until the last look; where nobody looked yet, everything."""
    last = op.get_bind().scalar(_LAST_LOOK)
    if last is None:
        op.execute(_MARK_ALL)
    else:
        op.get_bind().execute(_MARK_UNTIL, {"last": datetime.fromisoformat(last).astimezone(UTC)})
