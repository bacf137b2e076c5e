"""Messages that must not go out, or that the homeserver refused for good: which ones, and how long they are known."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.storage.attachments import attachments
from bridge.storage.e2ee import outbound_sessions
from bridge.storage.sends import IS_REFUSED, sends

KEPT = timedelta(days=30)
"""No shorter than what may take the same message in once more: an Idempotency-Key, an event, a delivery."""

_REFUSALS = ("M_TOO_LARGE", "M_BAD_JSON", "M_FORBIDDEN")
"""Answers about this very message. Others, an unknown token say, are the operator's trouble and may end."""

# An index of a session that still encrypts stays taken, whatever became of its message.
_INDEX_IS_TAKEN = (
    outbound_sessions.select()
    .where(outbound_sessions.c.session_id == sends.c.session_id, outbound_sessions.c.is_current)
    .exists()
)
_IS_OLD = (IS_REFUSED, sends.c.accepted_at <= bindparam("before"), ~_INDEX_IS_TAKEN)
_FORGET_FILES = delete(attachments).where(attachments.c.send_id.in_(select(sends.c.id).where(*_IS_OLD)))
_FORGET = delete(sends).where(*_IS_OLD)


async def is_final(matrix: MatrixClient, row: Row[Any], error: MatrixError) -> bool:
    """Whether sending this message again can't help. A 403 may also mean that the registration lacks its sender."""
    if error.errcode not in _REFUSALS:
        return False
    if error.errcode == "M_FORBIDDEN":
        try:
            await matrix.joined_rooms(user_id=row.sender)
        except (MatrixError, HomeserverUnreachableError):
            return False
    return True


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget what was taken in 30 days ago and refused, with the files in it: how many messages."""
    before = {"before": now - KEPT}
    await connection.execute(_FORGET_FILES, before)
    return (await connection.execute(_FORGET, before)).rowcount
