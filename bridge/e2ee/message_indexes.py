"""Against replays: a message index belongs to the event that used it first.

First is what was read or sent first. Where a message could not be read when it came, a replay of it may be read
before it; so once both were seen the index goes to the one that reached the room first: the timeline's order, which
no sender's clock decides.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee.rows import insert_missing_rows
from bridge.storage.conversations import timeline
from bridge.storage.e2ee import message_indexes

_OWNERS = select(
    message_indexes.c.session_id,
    message_indexes.c.sender_key,
    message_indexes.c.message_index,
    message_indexes.c.event_id,
).where(
    message_indexes.c.session_id.in_(bindparam("sessions", expanding=True)),
    message_indexes.c.message_index.in_(bindparam("indexes", expanding=True)),
)

Use = tuple[str, str, int]
"""Session id, sender key, message index."""


async def claim_own(connection: AsyncConnection, use: Use, *, event_id: str) -> None:
    """Note the event that an index of our user's own session was used for: nothing read before it takes that."""
    await insert_missing_rows(connection, message_indexes, [_row(use, event_id)])


async def claim_indexes(connection: AsyncConnection, uses: Sequence[tuple[Use, str]]) -> Mapping[Use, str]:
    """Note these uses by event ids, the newest first, unless they were taken; whose each of them is now."""
    oldest = dict(uses)  # of equal keys a dict keeps the last
    await insert_missing_rows(
        connection, message_indexes, [_row(use, event_id) for use, event_id in oldest.items()]
    )
    owners = await owners_of(connection, oldest)
    contested = [(use, event_id) for use, event_id in uses if owners[use] != event_id]
    return await _settle(connection, contested, owners) if contested else owners


async def owners_of(connection: AsyncConnection, uses: Collection[Use]) -> Mapping[Use, str]:
    """The event that each of these uses belongs to, where one does."""
    if not uses:
        return {}
    wanted = {
        "sessions": list({session_id for session_id, _, _ in uses}),
        "indexes": list({index for _, _, index in uses}),
    }
    return {
        (session_id, sender_key, index): event_id
        for session_id, sender_key, index, event_id in await connection.execute(_OWNERS, wanted)
    }


async def _settle(
    connection: AsyncConnection, contested: Sequence[tuple[Use, str]], taken: Mapping[Use, str]
) -> Mapping[Use, str]:
    """Give each index to the event that is the first in the timeline, if that knows all who used it."""
    event_ids = {*taken.values(), *(event_id for _, event_id in contested)}
    query = select(timeline.c.event_id, timeline.c.seq).where(timeline.c.event_id.in_(event_ids))
    places = {row.event_id: row.seq for row in await connection.execute(query)}
    owners = dict(taken)
    for use, event_id in contested:
        if event_id in places and places[event_id] < places.get(owners[use], -1):
            owners[use] = event_id
    changed = {use: owner for use, owner in owners.items() if owner != taken[use]}
    for (session_id, sender_key, message_index), owner in changed.items():
        await connection.execute(
            update(message_indexes)
            .where(
                message_indexes.c.session_id == session_id,
                message_indexes.c.sender_key == sender_key,
                message_indexes.c.message_index == message_index,
            )
            .values(event_id=owner)
        )
    return owners


def _row(use: Use, event_id: str) -> dict[str, Any]:
    session_id, sender_key, message_index = use
    return {
        "session_id": session_id,
        "sender_key": sender_key,
        "message_index": message_index,
        "event_id": event_id,
    }
