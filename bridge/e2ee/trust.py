"""Whose devices are believed now: those that their owner's pinned identity signed, and all of a user without one.

A verdict may change later: a user sets up an identity, or changes it. So it is kept with each session when its
key arrives, and what was trusted then stays readable (inbound.py).
"""

from collections.abc import Collection

from sqlalchemy import or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.e2ee import known_devices, tracked_users

Owner = tuple[str, str, str]
"""A device: its user, its Curve25519 and its Ed25519 key."""


async def refusals(connection: AsyncConnection, owners: Collection[Owner]) -> dict[Owner, str]:
    """Those of these devices that are not to be believed, and why."""
    trusted = or_(known_devices.c.signed, tracked_users.c.pinned_master.is_(None))
    key = (known_devices.c.user_id, known_devices.c.curve25519, known_devices.c.ed25519)
    query = (
        select(*key, trusted.label("trusted"))
        .join(tracked_users, tracked_users.c.user_id == known_devices.c.user_id)
        .where(tuple_(*key).in_(owners))
    )
    verdicts = {
        (row.user_id, row.curve25519, row.ed25519): row.trusted for row in await connection.execute(query)
    }
    return {
        owner: "unsigned-device" if owner in verdicts else "unknown-device"
        for owner in owners
        if not verdicts.get(owner)
    }
