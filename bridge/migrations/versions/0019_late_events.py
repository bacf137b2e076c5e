"""Events that got their places late"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_late", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.create_index(
            "ix_timeline_late",
            ["room_id", "seq"],
            unique=False,
            sqlite_where=sa.text("is_late = 1"),
            postgresql_where=sa.text("is_late"),
        )


def downgrade() -> None:
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index("ix_timeline_late")
        batch_op.drop_column("is_late")
