"""Permission everywhere"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "departures",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_departures")),
    )
    op.create_table(
        "direct_chats",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotation_period_msgs", sa.Integer(), nullable=False),
        sa.Column("rotation_period_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_direct_chats")),
        sa.UniqueConstraint("nonce", name=op.f("uq_direct_chats_nonce")),
        sa.UniqueConstraint("room_id", name=op.f("uq_direct_chats_room_id")),
    )
    op.create_table(
        "representations",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("representative", sa.Text(), nullable=False),
        sa.Column("messages", sa.Boolean(), nullable=False),
        sa.Column("appointments", sa.Boolean(), nullable=False),
        sa.Column("video", sa.Boolean(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("patient", "representative", name=op.f("pk_representations")),
    )
    with op.batch_alter_table("representations", schema=None) as batch_op:
        batch_op.create_index("ix_representations_representative", ["representative"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("openid_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_sessions_openid_sha256", ["openid_sha256"], unique=False)
        batch_op.create_index("ix_sessions_user_id", ["user_id"], unique=False)

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("applied", sa.Text(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "review_at",
                sa.DateTime(timezone=True),
                server_default="1970-01-01 00:00:00.000000",
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
        batch_op.drop_index(
            batch_op.f("ix_conversations_unfinished"), sqlite_where=sa.text("invited_at IS NULL")
        )
        batch_op.create_index("ix_conversations_review", ["review_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index("ix_conversations_review")
        batch_op.create_index(
            batch_op.f("ix_conversations_unfinished"),
            ["id"],
            unique=False,
            sqlite_where=sa.text("invited_at IS NULL"),
        )
        batch_op.drop_column("attempts")
        batch_op.drop_column("review_at")
        batch_op.drop_column("applied")

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sessions_user_id")
        batch_op.drop_index("ix_sessions_openid_sha256")
        batch_op.drop_index("ix_sessions_expires_at")

    op.drop_table("sessions")
    with op.batch_alter_table("representations", schema=None) as batch_op:
        batch_op.drop_index("ix_representations_representative")

    op.drop_table("representations")
    op.drop_table("direct_chats")
    op.drop_table("departures")
