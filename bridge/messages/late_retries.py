"""Retries that come so late that the homeserver has forgotten the transaction id of the first try."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from bridge.matrix.client import MatrixClient
from bridge.storage.sends import target_room

_HOMESERVER_FORGETS_TXN_IDS_AFTER = timedelta(hours=12)
"""Half of what Synapse promises: a later retry looks first whether the message is in the room already."""

_CLOCKS_DIFFER_BY = timedelta(hours=1)


def is_late(row: Row[Any], *, now: datetime) -> bool:
    """Whether the homeserver may no longer recognise this message's transaction id."""
    return bool(now - row.accepted_at >= _HOMESERVER_FORGETS_TXN_IDS_AFTER)


async def found_in_room(matrix: MatrixClient, row: Row[Any]) -> str | None:
    """The event id of a message that was sent, if we died before we could note it."""
    token: str | None = None
    while True:
        page = await matrix.messages(
            user_id=row.sender,
            room_id=target_room(row),
            limit=100,
            from_token=token,
            event_types=["m.room.encrypted"],
        )
        for event in page.chunk:
            is_own = event["sender"] == row.sender  # others may repeat what they saw
            if is_own and event["content"].get("ciphertext") == row.content["ciphertext"]:
                return str(event["event_id"])
        if page.end is None or _reaches_before(page.chunk, row):
            return None
        token = page.end


def _reaches_before(chunk: list[dict[str, Any]], row: Row[Any]) -> bool:
    # Only the sender's own events count: their time is our homeserver's, others' may be anything.
    start = (row.accepted_at - _CLOCKS_DIFFER_BY).timestamp() * 1000
    return any(event["sender"] == row.sender and event["origin_server_ts"] < start for event in chunk)
