"""Against replays: a message index belongs to the first event that used it, for good."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database import Database
from bridge.e2ee.rows import insert_missing_rows
from bridge.storage.e2ee import inbound_sessions, message_indexes

Use = tuple[str, str, int]
"""Session id, sender key, message index."""


async def claim_own(
    connection: AsyncConnection,
    *,
    user_id: str,
    room_id: str,
    session_id: str,
    message_index: int,
    event_id: str,
) -> None:
    """Note the event that an index of our user's own session was used for: nothing read before it takes that."""
    query = select(inbound_sessions.c.sender_key).where(
        inbound_sessions.c.user_id == user_id,
        inbound_sessions.c.session_id == session_id,
        inbound_sessions.c.sender == user_id,
        inbound_sessions.c.room_id == room_id,
    )
    rows = [
        _row((session_id, sender_key, message_index), event_id)
        for sender_key in await connection.scalars(query)
    ]
    await insert_missing_rows(connection, message_indexes, rows)


async def claim_indexes(database: Database, uses: Mapping[Use, str]) -> dict[Use, str]:
    """Note these uses by event ids unless they were taken; whose each of them is now."""
    async with database.read() as connection:
        taken = await _taken(connection, uses)
    new = [_row(use, event_id) for use, event_id in uses.items() if use not in taken]
    if new:
        async with database.write() as connection:
            await insert_missing_rows(connection, message_indexes, new)
            taken = await _taken(connection, uses)
    return taken


def _row(use: Use, event_id: str) -> dict[str, Any]:
    session_id, sender_key, message_index = use
    return {
        "session_id": session_id,
        "sender_key": sender_key,
        "message_index": message_index,
        "event_id": event_id,
    }


async def _taken(connection: AsyncConnection, uses: Mapping[Use, str]) -> dict[Use, str]:
    query = select(
        message_indexes.c.session_id,
        message_indexes.c.sender_key,
        message_indexes.c.message_index,
        message_indexes.c.event_id,
    ).where(message_indexes.c.session_id.in_({session_id for session_id, _, _ in uses}))
    return {
        (session_id, sender_key, index): event_id
        for session_id, sender_key, index, event_id in await connection.execute(query)
    }
