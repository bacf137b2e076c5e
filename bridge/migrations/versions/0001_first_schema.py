"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "bridge_state",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_bridge_state")),
    )
    op.create_table(
        "care_relationships",
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("professional", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("patient", "professional", name=op.f("pk_care_relationships")),
    )
    with op.batch_alter_table("care_relationships", schema=None) as batch_op:
        batch_op.create_index("ix_care_relationships_professional", ["professional"], unique=False)

    op.create_table(
        "catch_up",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_catch_up")),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("professional", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotation_period_msgs", sa.Integer(), nullable=False),
        sa.Column("rotation_period_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("nonce", name=op.f("uq_conversations_nonce")),
        sa.UniqueConstraint("patient", "professional", name=op.f("uq_conversations_patient_professional")),
        sa.UniqueConstraint("room_id", name=op.f("uq_conversations_room_id")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index("ix_conversations_professional", ["professional"], unique=False)
        batch_op.create_index(
            "ix_conversations_unfinished",
            ["id"],
            unique=False,
            sqlite_where=sa.text("invited_at IS NULL"),
            postgresql_where=sa.text("invited_at IS NULL"),
        )

    op.create_table(
        "e2ee_inbound_sessions",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_ed25519", sa.Text(), nullable=False),
        sa.Column("first_known_index", sa.Integer(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("pickle", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "session_id", "sender_key", name=op.f("pk_e2ee_inbound_sessions")),
    )
    op.create_table(
        "e2ee_kept_identities",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("cross_signing_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_e2ee_kept_identities")),
    )
    op.create_table(
        "e2ee_known_devices",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("curve25519", sa.Text(), nullable=False),
        sa.Column("ed25519", sa.Text(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_e2ee_known_devices")),
    )
    with op.batch_alter_table("e2ee_known_devices", schema=None) as batch_op:
        batch_op.create_index("ix_e2ee_known_devices_curve25519", ["curve25519"], unique=False)

    op.create_table(
        "e2ee_message_indexes",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("message_index", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_id", "sender_key", "message_index", name=op.f("pk_e2ee_message_indexes")
        ),
    )
    op.create_table(
        "e2ee_olm_recoveries",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "sender_key", name=op.f("pk_e2ee_olm_recoveries")),
    )
    op.create_table(
        "e2ee_olm_sessions",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("pickle", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "sender_key", "session_id", name=op.f("pk_e2ee_olm_sessions")),
    )
    op.create_table(
        "e2ee_outbound_sessions",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("pickle", sa.Text(), nullable=True),
        sa.Column("message_index", sa.Integer(), nullable=False),
        sa.Column("session_key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("members_digest", sa.Text(), nullable=False),
        sa.Column("max_messages", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sharing", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_e2ee_outbound_sessions")),
    )
    with op.batch_alter_table("e2ee_outbound_sessions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_e2ee_outbound_sessions_current",
            ["user_id", "room_id"],
            unique=True,
            sqlite_where=sa.text("is_current"),
            postgresql_where=sa.text("is_current"),
        )
        batch_op.create_index(
            "ix_e2ee_outbound_sessions_unshared",
            ["session_id"],
            unique=False,
            sqlite_where=sa.text("shared < sharing"),
            postgresql_where=sa.text("shared < sharing"),
        )

    op.create_table(
        "e2ee_own_devices",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("curve25519", sa.Text(), nullable=False),
        sa.Column("ed25519", sa.Text(), nullable=False),
        sa.Column("device_keys", sa.JSON(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("account_version", sa.Integer(), nullable=False),
        sa.Column("cross_signing_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fallback_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_e2ee_own_devices")),
        sa.UniqueConstraint("device_id", name=op.f("uq_e2ee_own_devices_device_id")),
    )
    op.create_table(
        "e2ee_tracked_users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("followed", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("fetched", sa.Integer(), nullable=False),
        sa.Column("master_key", sa.Text(), nullable=True),
        sa.Column("pinned_master", sa.Text(), nullable=True),
        sa.Column("self_signing_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_e2ee_tracked_users")),
    )
    op.create_table(
        "e2ee_withheld_sessions",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "session_id", "sender", name=op.f("pk_e2ee_withheld_sessions")),
    )
    op.create_table(
        "facts",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_facts")),
        sa.UniqueConstraint("id", name=op.f("uq_facts_id")),
    )
    op.create_table(
        "idempotency",
        sa.Column("scope_sha256", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=False),
        sa.Column("request_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("scope_sha256", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_started_at", ["started_at"], unique=False)

    op.create_table(
        "inbox",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_inbox_dedupe_key")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_waiting",
            ["seq"],
            unique=False,
            sqlite_where=sa.text("processed_at IS NULL"),
            postgresql_where=sa.text("processed_at IS NULL"),
        )

    op.create_table(
        "people",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=False),
        sa.Column("display_name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_people")),
    )
    op.create_table(
        "receipts",
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_receipts")),
    )
    op.create_table(
        "room_members",
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("membership", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_room_members")),
    )
    op.create_table(
        "sends",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("txn_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("message_index", sa.Integer(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_sends")),
        sa.UniqueConstraint("id", name=op.f("uq_sends_id")),
        sa.UniqueConstraint("session_id", "message_index", name=op.f("uq_sends_session_id_message_index")),
        sa.UniqueConstraint("txn_id", name=op.f("uq_sends_txn_id")),
    )
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sends_waiting",
            ["room_id", "seq"],
            unique=False,
            sqlite_where=sa.text("state IN ('accepted', 'encrypted')"),
            postgresql_where=sa.text("state IN ('accepted', 'encrypted')"),
        )

    op.create_table(
        "timeline",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("room_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_message", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_timeline")),
        sa.UniqueConstraint("event_id", name=op.f("uq_timeline_event_id")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index("ix_timeline_room", ["room_id", "seq"], unique=False)

    op.create_table(
        "e2ee_keyless_devices",
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("pause_s", sa.Integer(), nullable=False),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sender"],
            ["e2ee_own_devices.user_id"],
            name=op.f("fk_e2ee_keyless_devices_sender"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sender", "user_id", "device_id", name=op.f("pk_e2ee_keyless_devices")),
    )
    op.create_table(
        "e2ee_session_members",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["e2ee_outbound_sessions.session_id"],
            name=op.f("fk_e2ee_session_members_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "user_id", name=op.f("pk_e2ee_session_members")),
    )
    with op.batch_alter_table("e2ee_session_members", schema=None) as batch_op:
        batch_op.create_index("ix_e2ee_session_members_user_id", ["user_id"], unique=False)

    op.create_table(
        "e2ee_session_shares",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["e2ee_outbound_sessions.session_id"],
            name=op.f("fk_e2ee_session_shares_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "user_id", "device_id", name=op.f("pk_e2ee_session_shares")),
    )
    with op.batch_alter_table("e2ee_session_shares", schema=None) as batch_op:
        batch_op.create_index("ix_e2ee_session_shares_device", ["user_id", "device_id"], unique=False)
        batch_op.create_index(
            "ix_e2ee_session_shares_no_olm",
            ["session_id"],
            unique=False,
            sqlite_where=sa.text("code = 'm.no_olm'"),
            postgresql_where=sa.text("code = 'm.no_olm'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("e2ee_session_shares", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_e2ee_session_shares_no_olm",
            sqlite_where=sa.text("code = 'm.no_olm'"),
            postgresql_where=sa.text("code = 'm.no_olm'"),
        )
        batch_op.drop_index("ix_e2ee_session_shares_device")

    op.drop_table("e2ee_session_shares")
    with op.batch_alter_table("e2ee_session_members", schema=None) as batch_op:
        batch_op.drop_index("ix_e2ee_session_members_user_id")

    op.drop_table("e2ee_session_members")
    op.drop_table("e2ee_keyless_devices")
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index("ix_timeline_room")

    op.drop_table("timeline")
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_sends_waiting",
            sqlite_where=sa.text("state IN ('accepted', 'encrypted')"),
            postgresql_where=sa.text("state IN ('accepted', 'encrypted')"),
        )

    op.drop_table("sends")
    op.drop_table("room_members")
    op.drop_table("receipts")
    op.drop_table("people")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbox_waiting",
            sqlite_where=sa.text("processed_at IS NULL"),
            postgresql_where=sa.text("processed_at IS NULL"),
        )

    op.drop_table("inbox")
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_started_at")

    op.drop_table("idempotency")
    op.drop_table("facts")
    op.drop_table("e2ee_withheld_sessions")
    op.drop_table("e2ee_tracked_users")
    op.drop_table("e2ee_own_devices")
    with op.batch_alter_table("e2ee_outbound_sessions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_e2ee_outbound_sessions_unshared",
            sqlite_where=sa.text("shared < sharing"),
            postgresql_where=sa.text("shared < sharing"),
        )
        batch_op.drop_index(
            "ix_e2ee_outbound_sessions_current",
            sqlite_where=sa.text("is_current"),
            postgresql_where="is_current",
        )

    op.drop_table("e2ee_outbound_sessions")
    op.drop_table("e2ee_olm_sessions")
    op.drop_table("e2ee_olm_recoveries")
    op.drop_table("e2ee_message_indexes")
    with op.batch_alter_table("e2ee_known_devices", schema=None) as batch_op:
        batch_op.drop_index("ix_e2ee_known_devices_curve25519")

    op.drop_table("e2ee_known_devices")
    op.drop_table("e2ee_kept_identities")
    op.drop_table("e2ee_inbound_sessions")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_conversations_unfinished",
            sqlite_where=sa.text("invited_at IS NULL"),
            postgresql_where=sa.text("invited_at IS NULL"),
        )
        batch_op.drop_index("ix_conversations_professional")

    op.drop_table("conversations")
    op.drop_table("catch_up")
    with op.batch_alter_table("care_relationships", schema=None) as batch_op:
        batch_op.drop_index("ix_care_relationships_professional")

    op.drop_table("care_relationships")
    op.drop_table("bridge_state")
    op.drop_table("api_keys")
