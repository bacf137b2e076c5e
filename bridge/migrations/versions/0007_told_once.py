"""Nobody is told the same twice"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch: a table made anew would give its places again.
    op.add_column("live_events", sa.Column("about", sa.Text(), nullable=True))
    op.create_index("ix_live_events_about", "live_events", ["person", "about"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_live_events_about", "live_events")
    op.drop_column("live_events", "about")
