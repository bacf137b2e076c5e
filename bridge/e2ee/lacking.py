"""Who lacks the key of an outbound session."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import keyless, olm
from bridge.e2ee.device_lists import DeviceLists, KnownDevice
from bridge.e2ee.devices import OwnDevice, ours_among
from bridge.e2ee.keyless import Address
from bridge.e2ee.ports import Newcomers
from bridge.e2ee.sessions import OutboundSession
from bridge.storage.e2ee import session_shares

SHARED = "shared"


@dataclass(frozen=True)
class Lacking:
    """Devices that lack a session.

    `entitled` may have it; `unconnected` are those of them for which a one-time key must be claimed first;
    `refused` may not have it. `keyless` is what is noted of devices without one-time keys, `told` the reason
    why a device does not have the session, as it was told.
    """

    entitled: list[KnownDevice]
    unconnected: list[KnownDevice]
    refused: list[KnownDevice]
    keyless: dict[Address, dict[str, Any]]
    told: dict[Address, str]


async def lacking(
    connection: AsyncConnection,
    *,
    own: OwnDevice,
    session: OutboundSession,
    members: Collection[str],
    device_lists: DeviceLists,
    newcomers: Newcomers,
) -> Lacking:
    """The devices of these members that lack this session of ours; those of newcomers get it later."""
    elsewhere = set(members) - await ours_among(connection, members)
    settled = set(members) - await newcomers(connection, session.room_id, elsewhere)
    told = await _told(connection, session.session_id) if session.shared else {}
    devices = [
        device
        for device in await device_lists.devices_of(connection, settled)
        if device.address != (own.user_id, own.device_id) and told.get(device.address) != SHARED
    ]
    entitled = [device for device in devices if device.entitled]
    keys = {device.curve25519 for device in entitled}
    connected = await olm.sessions_with(connection, user_id=own.user_id, sender_keys=keys)
    noted = await keyless.noted(connection, own.user_id)
    return Lacking(
        entitled=entitled,
        unconnected=[
            device
            for device in entitled
            if device.curve25519 not in connected and device.address not in noted
        ],
        refused=[device for device in devices if not device.entitled],
        keyless=noted,
        told=told,
    )


async def _told(connection: AsyncConnection, session_id: str) -> dict[Address, str]:
    query = select(session_shares).where(session_shares.c.session_id == session_id)
    return {(row.user_id, row.device_id): row.code for row in await connection.execute(query)}
