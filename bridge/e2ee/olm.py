"""Olm: the encrypted channel between one of our devices and another (Matrix client-server API, 11.12.4.1).

A session's row is read under a lock and written in the same transaction, so two processes never use one
ratchet step twice; ciphertext leaves after the commit.
"""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import vodozemac
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection
from unpaddedbase64 import encode_base64

from bridge.e2ee.device_lists import KnownDevice
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.model import OLM
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.rows import upsert_rows
from bridge.e2ee.signing import is_signed_by
from bridge.e2ee.untrusted import dig
from bridge.matrix.json import JsonObject
from bridge.storage.e2ee import olm_sessions

_SESSIONS_KEPT = 10


class CannotOpenError(Exception):
    """No session opens this message, and it can't begin one."""


OneTimeKeys = dict[tuple[str, str], vodozemac.Curve25519PublicKey]
"""(user, device) → the key that was claimed for a first message to it."""


async def sessions_with(
    connection: AsyncConnection, *, user_id: str, sender_keys: Collection[str]
) -> set[str]:
    """The identity keys, of these, with which this user of ours has a session."""
    query = select(olm_sessions.c.sender_key).where(
        olm_sessions.c.user_id == user_id, olm_sessions.c.sender_key.in_(sender_keys)
    )
    return set((await connection.scalars(query.distinct())).all())


async def claim(key_server: KeyServer, *, user_id: str, devices: Iterable[KnownDevice]) -> OneTimeKeys:
    """One properly signed one-time (or fallback) key for each of these devices that has any left."""
    targets = list(devices)
    if not targets:
        return {}
    wanted: dict[str, list[str]] = {}
    for device in targets:
        wanted.setdefault(device.user_id, []).append(device.device_id)
    answer = await key_server.keys_claim(user_id=user_id, wanted=wanted)
    claimed: OneTimeKeys = {}
    for device in targets:
        key = _signed_key(dig(answer, "one_time_keys", device.user_id, device.device_id), device)
        if key is not None:
            claimed[device.user_id, device.device_id] = key
    return claimed


async def encrypt(
    connection: AsyncConnection,
    *,
    own: OwnDevice,
    account: vodozemac.Account,
    messages: Collection[tuple[KnownDevice, str, JsonObject]],
    one_time_keys: OneTimeKeys,
    pickle_key: bytes,
    now: datetime,
) -> dict[str, dict[str, JsonObject]]:
    """`m.room.encrypted` content for each (device, event type, content), as user → device → content.

    A claimed key begins a new session; otherwise the last used one serves. A device with neither is left out.
    """
    # By identity key, not by device: somebody may publish a device with another's identity key, and one
    # session must not be at the same step for both.
    sessions = await _latest(
        connection, own.user_id, {device.curve25519 for device, _, _ in messages}, pickle_key
    )
    contents: dict[str, dict[str, JsonObject]] = {}
    used: list[tuple[str, vodozemac.Session]] = []
    for device, event_type, content in messages:
        one_time_key = one_time_keys.get((device.user_id, device.device_id))
        if one_time_key is not None:
            identity_key = vodozemac.Curve25519PublicKey.from_base64(device.curve25519)
            sessions[device.curve25519] = account.create_outbound_session(identity_key, one_time_key)
        session = sessions.get(device.curve25519)
        if session is None:
            continue
        payload = _payload(own, device, event_type, content)
        kind, body = session.encrypt(json.dumps(payload, ensure_ascii=False).encode()).to_parts()
        ciphertext = {device.curve25519: {"type": kind, "body": encode_base64(body)}}
        contents.setdefault(device.user_id, {})[device.device_id] = {
            "algorithm": OLM,
            "sender_key": own.curve25519,
            "ciphertext": ciphertext,
        }
        used.append((device.curve25519, session))
    rows = [_row(own.user_id, sender_key, session, pickle_key, now) for sender_key, session in used]
    await upsert_rows(connection, olm_sessions, rows)
    return contents


async def open_message(
    connection: AsyncConnection,
    *,
    user_id: str,
    sender_key: str,
    message: vodozemac.AnyOlmMessage,
    devices: Devices,
    pickle_key: bytes,
    now: datetime,
) -> bytes:
    """Decrypt a message to one of ours and store the session, and the account without the one-time key.

    Raises CannotOpenError; the caller's transaction must then be rolled back.
    """
    opened = await _open_with_known(
        connection, user_id=user_id, sender_key=sender_key, message=message, pickle_key=pickle_key
    )
    if opened is None:
        pre_key = message.to_pre_key()
        if pre_key is None:
            raise CannotOpenError
        account = await devices.take_account(connection, user_id)
        identity_key = vodozemac.Curve25519PublicKey.from_base64(sender_key)
        try:
            opened = account.create_inbound_session(identity_key, pre_key)
        except ValueError as error:
            raise CannotOpenError from error
        await devices.save_account(connection, user_id, account)
    session, plaintext = opened
    await _store(
        connection, user_id=user_id, sender_key=sender_key, session=session, pickle_key=pickle_key, now=now
    )
    return plaintext


async def _open_with_known(
    connection: AsyncConnection,
    *,
    user_id: str,
    sender_key: str,
    message: vodozemac.AnyOlmMessage,
    pickle_key: bytes,
) -> tuple[vodozemac.Session, bytes] | None:
    pre_key = message.to_pre_key()
    query = _of(user_id, {sender_key}).order_by(olm_sessions.c.last_used_at.desc()).with_for_update()
    for row in (await connection.execute(query)).all():
        session = vodozemac.Session.from_pickle(row.pickle, pickle_key)
        if pre_key is not None:
            if not session.session_matches(pre_key):
                continue
            try:
                return session, session.decrypt(message)
            except ValueError as error:
                raise CannotOpenError from error
        try:
            return session, session.decrypt(message)
        except ValueError:
            continue  # a message of another session
    return None


async def _store(
    connection: AsyncConnection,
    *,
    user_id: str,
    sender_key: str,
    session: vodozemac.Session,
    pickle_key: bytes,
    now: datetime,
) -> None:
    """Keep a session, as the one used last, and of the others with this device only the latest."""
    await upsert_rows(connection, olm_sessions, [_row(user_id, sender_key, session, pickle_key, now)])
    of_device = (olm_sessions.c.user_id == user_id, olm_sessions.c.sender_key == sender_key)
    kept = select(olm_sessions.c.session_id).where(*of_device)
    kept = kept.order_by(olm_sessions.c.last_used_at.desc()).limit(_SESSIONS_KEPT)
    await connection.execute(delete(olm_sessions).where(*of_device, olm_sessions.c.session_id.not_in(kept)))


async def _latest(
    connection: AsyncConnection, user_id: str, sender_keys: Collection[str], pickle_key: bytes
) -> dict[str, vodozemac.Session]:
    query = _of(user_id, sender_keys).order_by(olm_sessions.c.last_used_at, olm_sessions.c.session_id)
    pickles = {row.sender_key: row.pickle for row in await connection.execute(query.with_for_update())}
    return {key: vodozemac.Session.from_pickle(pickle, pickle_key) for key, pickle in pickles.items()}


def _of(user_id: str, sender_keys: Collection[str]) -> Any:
    return select(olm_sessions).where(
        olm_sessions.c.user_id == user_id, olm_sessions.c.sender_key.in_(sender_keys)
    )


def _row(
    user_id: str, sender_key: str, session: vodozemac.Session, pickle_key: bytes, now: datetime
) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "sender_key": sender_key,
        "session_id": session.session_id,
        "pickle": session.pickle(pickle_key),
        "last_used_at": now,
    }


def _payload(own: OwnDevice, device: KnownDevice, event_type: str, content: JsonObject) -> JsonObject:
    return {
        "type": event_type,
        "content": content,
        "sender": own.user_id,
        "recipient": device.user_id,
        "recipient_keys": {"ed25519": device.ed25519},
        "keys": {"ed25519": own.ed25519},
        "sender_device_keys": own.device_keys,
    }


def _signed_key(claimed: object, device: KnownDevice) -> vodozemac.Curve25519PublicKey | None:
    if not isinstance(claimed, dict):
        return None
    for value in claimed.values():
        public_key = dig(value, "key")
        if isinstance(public_key, str) and is_signed_by(
            value, user_id=device.user_id, key_id=device.device_id, public_key=device.ed25519
        ):
            try:
                return vodozemac.Curve25519PublicKey.from_base64(public_key)
            except ValueError:
                continue
    return None
