"""Somebody at the portal who writes with a client of her own: past the bridge, which hears of it by the push.

She represents the patient; her session is put where the patient's device would have it by her client's key.
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import vodozemac

from appointments.sealing import derive_key
from benchmarks.clinic import Clinic, Consult
from benchmarks.sends import BODY
from bridge.e2ee import inbound
from bridge.e2ee.model import MEGOLM
from bridge.people.representation import start_representation

_DEVICE = "CLIENTE"

Send = Callable[[Clinic, Consult], Awaitable[str]]


async def joined(clinic: Clinic, room: Consult) -> Send:
    """Her way of sending a message in this room, of which she is a member now."""
    gateway = clinic.gateway
    user_id = gateway.settings.managed_user_id(f"cliente{uuid.uuid4().hex[:6]}")
    await gateway.matrix.register(user_id=user_id)
    async with gateway.database.write() as connection:
        await start_representation(
            connection,
            sealer=gateway.sealer,
            servers=[gateway.settings.homeserver.server_name],
            bots=gateway.settings.bots,
            patient=room.patient,
            representative=user_id,
            scopes=frozenset({"messages"}),
            starts=gateway.now() - timedelta(minutes=1),
            ends=None,
            reason=None,
            now=gateway.now(),
        )
    await gateway.conversations.reconcile_due(patient=room.patient)
    await gateway.matrix.join(user_id=user_id, room_id=room.room_id)
    session, account = vodozemac.GroupSession(), vodozemac.Account()
    await _give(clinic, room, user_id, session=session, account=account)

    async def send(clinic: Clinic, room: Consult) -> str:
        content = _encrypted(room, session=session, account=account)
        path = f"/rooms/{quote(room.room_id)}/send/m.room.encrypted/{uuid.uuid4().hex}"
        address, options = clinic.raw(path, user_id=user_id)
        async with clinic.http.put(address, json=content, **options) as response:
            return str((await response.json())["event_id"])

    return send


async def _give(
    clinic: Clinic,
    room: Consult,
    user_id: str,
    *,
    session: vodozemac.GroupSession,
    account: vodozemac.Account,
) -> None:
    received = inbound.ReceivedSession(
        user_id=room.patient,
        room_id=room.room_id,
        sender=user_id,
        sender_key=account.curve25519_key.to_base64(),
        sender_ed25519=account.ed25519_key.to_base64(),
        session=vodozemac.InboundGroupSession(session.session_key),
    )
    secret = clinic.gateway.settings.secret.get_secret_value()
    async with clinic.gateway.database.write() as connection:
        await inbound.add(connection, received, pickle_key=derive_key(secret, "vodozemac pickles"))


def _encrypted(
    room: Consult, *, session: vodozemac.GroupSession, account: vodozemac.Account
) -> dict[str, Any]:
    plain = {
        "type": "m.room.message",
        "content": {"msgtype": "m.text", "body": BODY},
        "room_id": room.room_id,
    }
    return {
        "algorithm": MEGOLM,
        "ciphertext": session.encrypt(json.dumps(plain).encode()).to_base64(),
        "session_id": session.session_id,
        "sender_key": account.curve25519_key.to_base64(),
        "device_id": _DEVICE,
    }
