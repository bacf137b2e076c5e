"""The tables behind bridge/e2ee: our devices, what we know of others' devices, and the sessions between them.

Everything secret is encrypted: pickles by vodozemac with the pickle key, `…_sealed` by the Sealer. Columns
named `user_id` in session tables say *whose* (which of our users') session it is; session ids alone are no
keys, since several of our users hold copies of one and the same session.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from appointments.storage.schema import Instant, metadata

# One device for each of our users. `account_version` grows with every change, so that an account kept in
# memory is known to be the one in the row. `published_at` is set once every key has been uploaded.
own_devices = Table(
    "e2ee_own_devices",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, nullable=False, unique=True),
    Column("curve25519", Text, nullable=False),
    Column("ed25519", Text, nullable=False),
    Column("device_keys", JSON, nullable=False),
    Column("account", Text, nullable=False),
    Column("account_version", Integer, nullable=False),
    Column("cross_signing_sealed", LargeBinary, nullable=False),
    Column("fallback_at", Instant, nullable=False),
    Column("published_at", Instant, nullable=True),
)

# The cross-signing seeds of users whose device was forgotten: whoever comes back must be the same person to
# everybody's client. They sign, they read nothing.
kept_identities = Table(
    "e2ee_kept_identities",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("cross_signing_sealed", LargeBinary, nullable=False),
)

# Users whose devices we know. While `followed`, the homeserver tells us of changes, and what we know is
# current when `fetched` has reached `generation`; a change told to us during a query raises `generation` and
# so is not lost. `master_key` is the published one, `pinned_master` the first one seen.
tracked_users = Table(
    "e2ee_tracked_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("followed", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("fetched", Integer, nullable=False),
    Column("master_key", Text, nullable=True),
    Column("pinned_master", Text, nullable=True),
    Column("self_signing_key", Text, nullable=True),
)

# Their devices, shared by all our users. A deleted device stays, since history it encrypted must stay
# readable. `signed`: by the self-signing key of the owner's pinned identity.
known_devices = Table(
    "e2ee_known_devices",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("curve25519", Text, nullable=False),
    Column("ed25519", Text, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
)
Index("ix_e2ee_known_devices_curve25519", known_devices.c.curve25519)

olm_sessions = Table(
    "e2ee_olm_sessions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("sender_key", Text, primary_key=True),  # the other device's Curve25519 identity key
    Column("session_id", Text, primary_key=True),
    Column("pickle", Text, nullable=False),
    Column("last_used_at", Instant, nullable=False),
)

# When we last made a new Olm session because the old one would not open a message.
olm_recoveries = Table(
    "e2ee_olm_recoveries",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("sender_key", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

# Megolm sessions that we send with. `session_key_sealed` is the key at index 0. Somebody lacks the key while
# `shared` has not reached `sharing` (see bridge/e2ee/sharing.py). Only the current one has a pickle.
outbound_sessions = Table(
    "e2ee_outbound_sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("room_id", Text, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("pickle", Text, nullable=True),
    Column("message_index", Integer, nullable=False),
    Column("session_key_sealed", LargeBinary, nullable=False),
    Column("members_digest", Text, nullable=False),
    Column("max_messages", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("sharing", Integer, nullable=False),
    Column("shared", Integer, nullable=False),
)
Index(
    "ix_e2ee_outbound_sessions_current",
    outbound_sessions.c.user_id,
    outbound_sessions.c.room_id,
    unique=True,
    sqlite_where=outbound_sessions.c.is_current,
    postgresql_where=outbound_sessions.c.is_current,
)
Index("ix_e2ee_outbound_sessions_room", outbound_sessions.c.user_id, outbound_sessions.c.room_id)
Index(
    "ix_e2ee_outbound_sessions_unshared",
    outbound_sessions.c.session_id,
    sqlite_where=outbound_sessions.c.shared < outbound_sessions.c.sharing,
    postgresql_where=outbound_sessions.c.shared < outbound_sessions.c.sharing,
)


def _outbound_session_id() -> Column[str]:
    session = ForeignKey("e2ee_outbound_sessions.session_id", ondelete="CASCADE")
    return Column("session_id", Text, session, primary_key=True)


session_members = Table(
    "e2ee_session_members",
    metadata,
    _outbound_session_id(),
    Column("user_id", Text, primary_key=True),
)
Index("ix_e2ee_session_members_user_id", session_members.c.user_id)

# What each device was given: `code` is `shared` (the key, from index 0) or the reason it was withheld.
session_shares = Table(
    "e2ee_session_shares",
    metadata,
    _outbound_session_id(),
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("code", Text, nullable=False),
)
Index("ix_e2ee_session_shares_device", session_shares.c.user_id, session_shares.c.device_id)
Index(
    "ix_e2ee_session_shares_no_olm",
    session_shares.c.session_id,
    sqlite_where=session_shares.c.code == "m.no_olm",
    postgresql_where=session_shares.c.code == "m.no_olm",
)

# Devices from which a user of ours (`sender`) could claim no one-time key, and when she asks again (see
# bridge/e2ee/keyless.py).
keyless_devices = Table(
    "e2ee_keyless_devices",
    metadata,
    Column("sender", Text, ForeignKey("e2ee_own_devices.user_id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("device_id", Text, primary_key=True),
    Column("pause_s", Integer, nullable=False),
    Column("ask_at", Instant, nullable=False),
)

# Megolm sessions that we read with. `sender_key` is part of the key: somebody who was given a session must
# not be able to pass it off as hers before its owner's own message arrives. `trusted`: the device that gave it
# could be believed once, so what it said stays readable whatever becomes of the device or its owner's identity.
inbound_sessions = Table(
    "e2ee_inbound_sessions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("sender_key", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sender_ed25519", Text, nullable=False),
    Column("first_known_index", Integer, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("pickle", Text, nullable=False),
)

# The event that first used a message index. The same for all our users.
message_indexes = Table(
    "e2ee_message_indexes",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("sender_key", Text, primary_key=True),
    Column("message_index", Integer, primary_key=True),
    Column("event_id", Text, nullable=False),
)

withheld_sessions = Table(
    "e2ee_withheld_sessions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("room_id", Text, nullable=False),
    Column("code", Text, nullable=False),
)
