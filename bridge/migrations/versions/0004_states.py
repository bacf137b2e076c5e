"""States of messages"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What receipts made read so far stays read.
_READ_BEFORE = """
UPDATE timeline SET read_at = receipt.at, delivered_at = receipt.at
FROM (
    SELECT t.seq, min(r.at) AS at
    FROM timeline t
    JOIN conversations c ON c.room_id = t.room_id
    JOIN receipts r ON r.room_id = t.room_id AND r.seq >= t.seq
    WHERE t.is_message AND r.user_id = CASE t.sender WHEN c.professional THEN c.patient ELSE c.professional END
    GROUP BY t.seq
) AS receipt
WHERE receipt.seq = timeline.seq
"""
_UNDELIVERED = sa.text("is_message AND delivered_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "delivery_servers",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_delivery_servers")),
    )
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("joined_seq", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.add_column(sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_timeline_undelivered",
            ["room_id"],
            unique=False,
            sqlite_where=_UNDELIVERED,
            postgresql_where=_UNDELIVERED,
        )
    op.execute(_READ_BEFORE)


def downgrade() -> None:
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_timeline_undelivered", sqlite_where=_UNDELIVERED, postgresql_where=_UNDELIVERED
        )
        batch_op.drop_column("read_at")
        batch_op.drop_column("delivered_at")
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.drop_column("joined_seq")
    op.drop_table("delivery_servers")
