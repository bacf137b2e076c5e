"""What an Olm message brought, once it is open: a room key, or nothing that we asked for.

Forwarded room keys (`m.forwarded_room_key`) are never asked for, so they are not taken.
"""

import json

import vodozemac
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import device_lists, inbound, trust
from bridge.e2ee.devices import OwnDevice
from bridge.e2ee.identities import device_identity
from bridge.e2ee.model import MEGOLM
from bridge.e2ee.untrusted import dig, is_identifier
from bridge.matrix.json import JsonObject
from bridge.storage.e2ee import known_devices, tracked_users


class PayloadRefusedError(Exception):
    """The payload is not what an honest device sends; its text says why, without words of people."""


async def take_in(
    connection: AsyncConnection,
    *,
    own: OwnDevice,
    sender: str,
    sender_key: str,
    plaintext: bytes,
    pickle_key: bytes,
) -> None:
    """Keep the room key in this message from `sender`'s device with the key `sender_key`, if it is one.

    Raises PayloadRefusedError.
    """
    payload = _checked(plaintext, own, sender)
    ed25519 = payload["keys"]["ed25519"]
    known = await known_ed25519(connection, sender, sender_key)
    if known is None:
        await _learn_device(connection, sender, sender_key, payload)
    elif known != ed25519:
        raise PayloadRefusedError("it names another signing key than the device has")
    if payload.get("type") != "m.room_key":
        return
    room_id, session = _room_key(payload.get("content"))
    received = inbound.ReceivedSession(
        user_id=own.user_id,
        room_id=room_id,
        sender=sender,
        sender_key=sender_key,
        sender_ed25519=ed25519,
        session=session,
    )
    refused = await trust.refusals(connection, {(sender, sender_key, ed25519)})
    await inbound.store(connection, received, trusted=not refused, pickle_key=pickle_key)


async def known_ed25519(connection: AsyncConnection, user_id: str, sender_key: str) -> str | None:
    """The signing key of the user's device with this identity key, if we know the device."""
    query = select(known_devices.c.ed25519).where(
        known_devices.c.user_id == user_id, known_devices.c.curve25519 == sender_key
    )
    return await connection.scalar(query)


def _checked(plaintext: bytes, own: OwnDevice, sender: str) -> JsonObject:
    """The payload, if it says that it is meant for us and by this sender: nobody passes on another's."""
    try:
        payload = json.loads(plaintext)
    except (ValueError, RecursionError) as error:
        raise PayloadRefusedError("it is not JSON") from error
    fits = (
        isinstance(payload, dict)
        and payload.get("sender") == sender
        and payload.get("recipient") == own.user_id
        and dig(payload, "recipient_keys", "ed25519") == own.ed25519
        and is_identifier(dig(payload, "keys", "ed25519"))
    )
    if not fits:
        raise PayloadRefusedError("it is not from this sender to this device")
    return payload  # type: ignore[no-any-return]  # a dict, as was checked


def _room_key(content: object) -> tuple[str, vodozemac.InboundGroupSession]:
    room_id, session_key = dig(content, "room_id"), dig(content, "session_key")
    if dig(content, "algorithm") != MEGOLM or not is_identifier(room_id):
        raise PayloadRefusedError("it is no Megolm room key")
    try:
        session = vodozemac.InboundGroupSession(vodozemac.SessionKey(str(session_key)))
    except ValueError as error:
        raise PayloadRefusedError("the session key is broken") from error
    if session.session_id != dig(content, "session_id"):
        raise PayloadRefusedError("the session key is not of the session that it names")
    return room_id, session


async def _learn_device(
    connection: AsyncConnection, user_id: str, sender_key: str, payload: JsonObject
) -> None:
    """Take the device's keys from its message (`sender_device_keys`): it was deleted before we could ask."""
    keys = payload.get("sender_device_keys")
    query = select(tracked_users.c.self_signing_key).where(tracked_users.c.user_id == user_id)
    device = device_identity(
        keys,
        user_id=user_id,
        device_id=dig(keys, "device_id"),
        self_signing_key=await connection.scalar(query),
    )
    if device is None or (device.curve25519, device.ed25519) != (sender_key, payload["keys"]["ed25519"]):
        return
    await device_lists.add_deleted_device(connection, user_id, device)
