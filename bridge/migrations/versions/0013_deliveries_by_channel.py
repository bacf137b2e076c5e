"""Deliveries by channel"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("state IN ('pending', 'failed')")


def upgrade() -> None:
    _index("channel", "due_at")


def downgrade() -> None:
    _index("due_at")


def _index(*columns: str) -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_due")
        batch_op.create_index(
            "ix_deliveries_due",
            list(columns),
            unique=False,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        )
