"""Attended messages"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attended",
        sa.Column("reaction_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reaction_id", name=op.f("pk_attended")),
    )
    with op.batch_alter_table("attended", schema=None) as batch_op:
        batch_op.create_index("ix_attended_room", ["room_id", "seq"], unique=False)


def downgrade() -> None:
    op.drop_table("attended")
