"""Messages that must not go out, or that the homeserver refused for good: remembered for a while, then forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.e2ee import outbound_sessions
from bridge.storage.sends import IS_REFUSED, sends

KEPT = timedelta(days=30)
"""No shorter than what may take the same message in once more: an Idempotency-Key, an event, a delivery."""

# An index of a session that still encrypts stays taken, whatever became of its message.
_INDEX_IS_TAKEN = (
    outbound_sessions.select()
    .where(outbound_sessions.c.session_id == sends.c.session_id, outbound_sessions.c.is_current)
    .exists()
)
_FORGET = delete(sends).where(IS_REFUSED, sends.c.accepted_at <= bindparam("before"), ~_INDEX_IS_TAKEN)


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget what was taken in 30 days ago and refused: how many messages."""
    return (await connection.execute(_FORGET, {"before": now - KEPT})).rowcount
