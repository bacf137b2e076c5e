"""Taking a device from one of our users: with all that it could read, or only what goes forward with it.

    the device deleted at the homeserver, so that nobody encrypts to it ──> its keys deleted, COMMIT

The seeds of her identity are kept: the next device is signed by the identity that everybody knows. A new identity
would look to each client like somebody else in her place. The seeds open nothing.
"""

import logging
from collections.abc import Iterable

from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import sessions, tracking
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.untrusted import dig
from bridge.matrix.errors import MatrixError
from bridge.storage.catch_up import catch_up
from bridge.storage.database import Database
from bridge.storage.e2ee import (
    inbound_sessions,
    kept_identities,
    olm_recoveries,
    olm_sessions,
    outbound_sessions,
    own_devices,
    withheld_sessions,
)
from bridge.storage.statements import upsert

_log = logging.getLogger(__name__)


_GOING_FORWARD = (olm_recoveries, olm_sessions, own_devices, catch_up)
_READING = (inbound_sessions, withheld_sessions)


async def forget_device(user_id: str, *, database: Database, key_server: KeyServer) -> None:
    """Delete the user's device, there and here, and every session of hers. May be repeated.

    Raises MatrixError (temporary ones) and HomeserverUnreachableError, and then deletes nothing here.
    """
    await _leave(user_id, database=database, key_server=key_server)
    async with database.write() as connection:
        await _forget(connection, user_id, (*_READING, outbound_sessions, *_GOING_FORWARD))


async def forget_ratchets(connection: AsyncConnection, user_id: str) -> None:
    """Delete the user's device here, and nothing that she can read.

    No ratchet that may have gone further than we know is used again: what she sends with is ended.
    """
    await sessions.end_all(connection, user_id=user_id)
    await _forget(connection, user_id, _GOING_FORWARD)


async def leave_all(user_id: str, *, database: Database, key_server: KeyServer) -> None:
    """Delete every device that this user has at the homeserver: our database may not know of all. Raises as above."""
    await key_server.register(user_id=user_id)  # a homeserver that was set back as well may not know her
    await _leave(user_id, database=database, key_server=key_server)
    answer = await key_server.keys_query(user_id=user_id, users=[user_id])
    for device_id in dig(answer, "device_keys", user_id) or {}:
        await _delete_there(key_server, user_id, device_id)


async def _leave(user_id: str, *, database: Database, key_server: KeyServer) -> None:
    async with database.read() as connection:
        query = select(own_devices.c.device_id).where(own_devices.c.user_id == user_id)
        device_id = await connection.scalar(query)
    if device_id is not None:
        await _delete_there(key_server, user_id, device_id)


async def _delete_there(key_server: KeyServer, user_id: str, device_id: str) -> None:
    try:
        await key_server.delete_device(user_id=user_id, device_id=device_id)
    except MatrixError as error:
        if error.is_temporary:
            raise
        _log.warning("the homeserver keeps device %s of %s: %s", device_id, user_id, error.errcode)


async def _forget(connection: AsyncConnection, user_id: str, tables: Iterable[Table]) -> None:
    query = select(own_devices.c.cross_signing_sealed).where(own_devices.c.user_id == user_id)
    sealed = await connection.scalar(query)
    if sealed is not None:
        values = {"cross_signing_sealed": sealed}
        await upsert(connection, kept_identities, key={"user_id": user_id}, values=values)
    for table in tables:
        await connection.execute(delete(table).where(table.c.user_id == user_id))
    await tracking.mark_changed(connection, changed=[user_id], left=[])
