"""Newcomers, who are given keys a moment later"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("new_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_room_members_new",
            ["new_since"],
            unique=False,
            sqlite_where=sa.text("new_since IS NOT NULL"),
            postgresql_where=sa.text("new_since IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.drop_index("ix_room_members_new")
        batch_op.drop_column("new_since")
