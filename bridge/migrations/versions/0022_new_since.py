"""Newcomers, who are given keys a moment later"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# An invitation used to be noted after it was sent, over a join that was pushed in between. Whoever has a place at
# which she came in was in; so was whom the assistant has welcomed in her chat with it. They were given keys then.
_WERE_IN = """
UPDATE room_members SET membership = 'join'
WHERE membership = 'invite' AND (
    joined_seq IS NOT NULL
    OR EXISTS (SELECT 1 FROM sends WHERE sends.id = 'assistant:welcome:' || room_members.room_id)
)
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
    op.execute(_WERE_IN)


def downgrade() -> None:
    with op.batch_alter_table("room_members", schema=None) as batch_op:
        batch_op.drop_index("ix_room_members_new")
        batch_op.drop_column("new_since")
