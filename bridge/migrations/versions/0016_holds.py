"""Held times alone in their index"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("appointments", schema=None) as batch_op:
        batch_op.drop_index("ix_appointments_holds")
        batch_op.create_index(
            "ix_appointments_holds",
            ["holds_for"],
            unique=False,
            sqlite_where=sa.text("holds_for IS NOT NULL"),
            postgresql_where=sa.text("holds_for IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("appointments", schema=None) as batch_op:
        batch_op.drop_index("ix_appointments_holds")
        batch_op.create_index("ix_appointments_holds", ["holds_for"], unique=False)
