"""Destroying what one of our users holds.

    the device deleted at the homeserver, so that nobody encrypts to it ──> every key of hers deleted, COMMIT

Only the seeds of her identity are kept: should she come back, her new device is signed by the identity that
everybody knows. A new identity would look to each client like somebody else in her place. The seeds open nothing.
"""

import logging

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database import Database
from bridge.e2ee import tracking
from bridge.e2ee.ports import KeyServer
from bridge.matrix.errors import MatrixError
from bridge.storage.catch_up import catch_up
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


async def forget_device(user_id: str, *, database: Database, key_server: KeyServer) -> None:
    """Delete the user's device, there and here, and every session of hers. May be repeated.

    Raises MatrixError (temporary ones) and HomeserverUnreachableError, and then deletes nothing here.
    """
    async with database.read() as connection:
        query = select(own_devices.c.device_id).where(own_devices.c.user_id == user_id)
        device_id = await connection.scalar(query)
    if device_id is not None:
        await _delete_there(key_server, user_id, device_id)
    async with database.write() as connection:
        await _forget(connection, user_id)


async def _delete_there(key_server: KeyServer, user_id: str, device_id: str) -> None:
    try:
        await key_server.delete_device(user_id=user_id, device_id=device_id)
    except MatrixError as error:
        if error.is_temporary:
            raise
        _log.warning("the homeserver keeps device %s of %s: %s", device_id, user_id, error.errcode)


async def _forget(connection: AsyncConnection, user_id: str) -> None:
    query = select(own_devices.c.cross_signing_sealed).where(own_devices.c.user_id == user_id)
    sealed = await connection.scalar(query)
    if sealed is not None:
        values = {"cross_signing_sealed": sealed}
        await upsert(connection, kept_identities, key={"user_id": user_id}, values=values)
    for table in (
        inbound_sessions,
        withheld_sessions,
        olm_recoveries,
        olm_sessions,
        outbound_sessions,
        own_devices,
        catch_up,
    ):
        await connection.execute(delete(table).where(table.c.user_id == user_id))
    await tracking.mark_changed(connection, changed=[user_id], left=[])
