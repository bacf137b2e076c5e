"""Live events"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UNPLACED = sa.text("placed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "live_events",
        sa.Column(
            "place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_live_events")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("live_events", schema=None) as batch_op:
        batch_op.create_index("ix_live_events_person", ["person", "place"], unique=False)
        batch_op.create_index("ix_live_events_placed_at", ["placed_at"], unique=False)
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_facts_unplaced",
            ["seq"],
            unique=False,
            sqlite_where=_UNPLACED,
            postgresql_where=_UNPLACED,
        )
    # What happened before there were streams is no news.
    op.execute("UPDATE facts SET placed_at = at")


def downgrade() -> None:
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.drop_index("ix_facts_unplaced", sqlite_where=_UNPLACED, postgresql_where=_UNPLACED)
        batch_op.drop_column("placed_at")
    op.drop_table("live_events")
