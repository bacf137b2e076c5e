"""Which deliveries that were given up the clinic has heard of"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_IS_UNALERTED = sa.text("state = 'given_up' AND alerted_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(sa.text("UPDATE deliveries SET alerted_at = done_at WHERE state = 'given_up'"))
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
