"""Destroying what one of our users holds."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.e2ee import (
    inbound_sessions,
    olm_recoveries,
    olm_sessions,
    outbound_sessions,
    own_devices,
    withheld_sessions,
)


async def forget(connection: AsyncConnection, user_id: str) -> None:
    """Delete the user's device, identity and every session of hers."""
    for table in (
        inbound_sessions,
        withheld_sessions,
        olm_recoveries,
        olm_sessions,
        outbound_sessions,
        own_devices,
    ):
        await connection.execute(delete(table).where(table.c.user_id == user_id))
