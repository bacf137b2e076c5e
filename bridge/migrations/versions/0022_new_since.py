"""Newcomers, who are given keys a moment later"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# An invitation used to be noted after it was sent, over a join that was pushed in between, which did no harm while
# keys were given to whoever was invited. Who of those on record as invited is in only the room can say: all are due.
_REVIEW = """
UPDATE conversations SET applied = NULL, attempts = 0, review_at = '1970-01-01 00:00:00.000000'
WHERE room_id IN (SELECT room_id FROM room_members WHERE membership = 'invite')
"""
_INVITE = """
UPDATE direct_chats SET invited_at = NULL, failures = 0, retry_at = '1970-01-01 00:00:00.000000'
WHERE room_id IN (SELECT room_id FROM room_members WHERE membership = 'invite')
"""


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
    op.execute(_REVIEW)
    op.execute(_INVITE)


def downgrade() -> None:
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.drop_index("ix_room_members_new")
        batch_op.drop_column("new_since")
