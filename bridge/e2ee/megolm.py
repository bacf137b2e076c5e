"""Encrypting a room event (Matrix client-server API, 11.12.4.2).

    read the session        ──> encrypt at index i ──> UPDATE … WHERE message_index = i ──> the caller commits
            ^                                                     │ another process was faster
            └─────────────────────────────────────────────────────┘

All of it in the caller's transaction, which also stores the ciphertext: it leaves only after the commit, so
no index is used for two messages. Nothing is kept in memory; a rollback leaves nothing behind.
"""

import json
from datetime import datetime

import vodozemac
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee.devices import OwnDevice
from bridge.e2ee.errors import SessionNotReadyError
from bridge.e2ee.model import MEGOLM, Encrypted
from bridge.matrix.json import JsonObject
from bridge.storage.e2ee import outbound_sessions

_ATTEMPTS = 5
# Built once: this is the hot path.
_READ = select(
    outbound_sessions.c.pickle,
    outbound_sessions.c.message_index,
    outbound_sessions.c.max_messages,
    outbound_sessions.c.expires_at,
).where(
    outbound_sessions.c.session_id == bindparam("session"),
    outbound_sessions.c.is_current,
    outbound_sessions.c.shared >= outbound_sessions.c.sharing,
)
_ADVANCE = (
    update(outbound_sessions)
    .where(
        outbound_sessions.c.session_id == bindparam("session"),
        outbound_sessions.c.message_index == bindparam("index"),
        outbound_sessions.c.is_current,
    )
    .values(message_index=bindparam("next_index"), pickle=bindparam("ratchet"))
)


async def encrypt(
    connection: AsyncConnection,
    *,
    own: OwnDevice,
    session_id: str,
    room_id: str,
    event_type: str,
    content: JsonObject,
    pickle_key: bytes,
    now: datetime,
) -> Encrypted:
    """The event's ciphertext with this session, the ratchet advanced. Raises SessionNotReadyError."""
    payload = {"type": event_type, "content": content, "room_id": room_id}
    plaintext = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    for _ in range(_ATTEMPTS):
        row = (await connection.execute(_READ, {"session": session_id})).one_or_none()
        if row is None or row.message_index >= row.max_messages or now >= row.expires_at:
            raise SessionNotReadyError
        session = vodozemac.GroupSession.from_pickle(row.pickle, pickle_key)
        ciphertext = session.encrypt(plaintext).to_base64()
        step = {
            "session": session_id,
            "index": row.message_index,
            "next_index": session.message_index,
            "ratchet": session.pickle(pickle_key),
        }
        if (await connection.execute(_ADVANCE, step)).rowcount == 1:
            cleartext = {name: content[name] for name in ("m.relates_to",) if name in content}
            encrypted = _content(own, session_id=session_id, ciphertext=ciphertext) | cleartext
            return Encrypted(encrypted, session_id, row.message_index, own.device_id)
    raise SessionNotReadyError


def _content(own: OwnDevice, *, session_id: str, ciphertext: str) -> JsonObject:
    # sender_key and device_id are deprecated, but older clients look for them.
    return {
        "algorithm": MEGOLM,
        "ciphertext": ciphertext,
        "session_id": session_id,
        "sender_key": own.curve25519,
        "device_id": own.device_id,
    }
