"""Rooms that took the place of others"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_upgrades",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("room_version", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", "number", name=op.f("pk_room_upgrades")),
        sa.UniqueConstraint("nonce", name=op.f("uq_room_upgrades_nonce")),
        sa.UniqueConstraint("room_id", name=op.f("uq_room_upgrades_room_id")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("upgraded_to", sa.Text(), nullable=True))
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.add_column(sa.Column("upgraded_room_id", sa.Text(), nullable=True))
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.add_column(sa.Column("upgraded_room_id", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_column("upgraded_room_id")
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.drop_column("upgraded_room_id")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_column("upgraded_to")
    op.drop_table("room_upgrades")
