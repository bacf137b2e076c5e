"""Who did what live events tell"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("live_events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sender", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("live_events", schema=None) as batch_op:
        batch_op.drop_column("sender")
