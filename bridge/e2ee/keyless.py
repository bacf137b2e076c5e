"""Devices from which no one-time key could be claimed, so that no Olm session with them can begin.

Nobody who sends waits for them: in the background they are asked again, after pauses that double, once for
all the sessions that they lack.

    claimed in vain ──> noted, m.no_olm ──> due: claim ──> Olm session, COMMIT ──> share what they lack
                              ↑                │                                       │ nothing left
                              └── twice the ───┘ in vain                               └──> forgotten
                                   pause

A session that a device lacks as m.no_olm and the note about the device are written in one transaction, and
under a lock of the note, so that it is not forgotten while somebody begins another session.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import sessions
from bridge.e2ee.rows import upsert_rows
from bridge.storage.e2ee import keyless_devices, known_devices, olm_sessions

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=15)

Address = tuple[str, str]
"""User id and device id."""

_address = tuple_(keyless_devices.c.user_id, keyless_devices.c.device_id)
_IS_CONNECTED = exists().where(
    known_devices.c.user_id == keyless_devices.c.user_id,
    known_devices.c.device_id == keyless_devices.c.device_id,
    olm_sessions.c.user_id == keyless_devices.c.sender,
    olm_sessions.c.sender_key == known_devices.c.curve25519,
)
_DUE = (
    select(keyless_devices)
    .where(or_(keyless_devices.c.ask_at <= bindparam("now"), _IS_CONNECTED))
    .order_by(*keyless_devices.primary_key)
    .with_for_update()
)


async def noted(connection: AsyncConnection, sender: str) -> dict[Address, dict[str, Any]]:
    """The devices without keys for this user of ours, and what is noted of each."""
    query = select(keyless_devices).where(keyless_devices.c.sender == sender)
    return {(row.user_id, row.device_id): row._asdict() for row in await connection.execute(query)}


async def note(
    connection: AsyncConnection,
    *,
    sender: str,
    devices: Collection[Address],
    known: Mapping[Address, dict[str, Any]],
    now: datetime,
) -> None:
    """Note these devices as without keys; of those that `known` names, what it says."""
    rows = [
        known.get((user_id, device_id))
        or {
            "sender": sender,
            "user_id": user_id,
            "device_id": device_id,
            "pause_s": int(_FIRST_PAUSE.total_seconds()),
            "ask_at": now + _FIRST_PAUSE,
        }
        for user_id, device_id in sorted(devices)
    ]
    await upsert_rows(connection, keyless_devices, rows)


async def take_due(connection: AsyncConnection, now: datetime) -> dict[str, set[Address]]:
    """Our users, and the devices that each may ask now or need not ask any more; their next pause begins."""
    due: defaultdict[str, set[Address]] = defaultdict(set)
    rows = []
    for row in await connection.execute(_DUE, {"now": now}):
        due[row.sender].add((row.user_id, row.device_id))
        pause = min(timedelta(seconds=row.pause_s) * 2, _LONGEST_PAUSE)
        rows.append(row._asdict() | {"pause_s": int(pause.total_seconds()), "ask_at": now + pause})
    await upsert_rows(connection, keyless_devices, rows)
    return due


async def forget_served(
    connection: AsyncConnection, *, sender: str, devices: Collection[Address], entitled: set[Address]
) -> None:
    """Forget those of these devices that lack nothing (more), or that may not have it."""
    noted_of = (keyless_devices.c.sender == sender, _address.in_(devices))
    await connection.execute(
        select(keyless_devices.c.sender)
        .where(*noted_of)
        .order_by(*keyless_devices.primary_key)
        .with_for_update()
    )
    lacking = await sessions.devices_without_olm(connection, user_id=sender, devices=devices)
    served = set(devices) - (lacking & entitled)
    await connection.execute(
        delete(keyless_devices).where(keyless_devices.c.sender == sender, _address.in_(served))
    )
