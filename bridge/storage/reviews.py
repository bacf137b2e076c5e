"""When a conversation's room has to be looked at again: what bridge/rooms/membership.py works off.

Whoever changes care or a representation says so here, in the same transaction: from then on the conversations
concerned are due, and stay due until their rooms are as they should be.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.conversations import conversations

_LONGEST_WAIT_S = 300.0
_FIRST_WAIT_S = 5.0

_c = conversations.c
_DUE = select(conversations).where(_c.review_at <= bindparam("now")).order_by(_c.review_at)


async def review_patient(
    connection: AsyncConnection, *, patient: str, now: datetime, professional: str | None = None
) -> None:
    """This patient's conversations, or the one with this professional, are due."""
    which = [_c.patient == patient]
    if professional is not None:
        which.append(_c.professional == professional)
    await connection.execute(update(conversations).where(*which).values(review_at=now, attempts=0))


async def review_professional(connection: AsyncConnection, *, professional: str, now: datetime) -> None:
    """Every conversation of this professional is due."""
    await connection.execute(
        update(conversations).where(_c.professional == professional).values(review_at=now, attempts=0)
    )


async def due(
    connection: AsyncConnection,
    *,
    now: datetime,
    patient: str | None = None,
    professional: str | None = None,
) -> Sequence[Row[Any]]:
    """The conversations that are due, of this patient and this professional where given; the oldest first."""
    statement = _DUE
    if patient is not None:
        statement = statement.where(_c.patient == patient)
    if professional is not None:
        statement = statement.where(_c.professional == professional)
    return (await connection.execute(statement, {"now": now})).all()


class Reviewed(Protocol):
    """What has to be looked at again at some instant, or not."""

    @property
    def review_at(self) -> datetime | None:
        """That instant."""


def is_due(conversation: Row[Any] | Reviewed, now: datetime) -> bool:
    """Whether this conversation's room has to be looked at."""
    return conversation.review_at is not None and conversation.review_at <= now


async def settle(
    connection: AsyncConnection, row: Row[Any], *, applied: str | None, again_at: datetime | None
) -> None:
    """The room is what it should be until `again_at`."""
    await connection.execute(
        update(conversations).where(_c.id == row.id).values(applied=applied, review_at=again_at, attempts=0)
    )


async def make_due(connection: AsyncConnection, row: Row[Any], *, now: datetime) -> None:
    """The room is to be looked at once more, all of it."""
    await connection.execute(
        update(conversations).where(_c.id == row.id).values(applied=None, review_at=now, attempts=0)
    )


async def make_room_due(connection: AsyncConnection, *, room_id: str, now: datetime) -> None:
    """The conversation in this room is to be looked at, all of it: the room is not what we made it."""
    await connection.execute(
        update(conversations).where(_c.room_id == room_id).values(applied=None, review_at=now, attempts=0)
    )


async def postpone(
    connection: AsyncConnection, row: Row[Any], *, now: datetime, at_least_s: float = 0.0
) -> None:
    """Something has to wait: 5 s, then longer each time, 5 minutes at most. A change made meanwhile is still due."""
    wait = max(at_least_s, min(_FIRST_WAIT_S * 2.0 ** min(row.attempts, 10), _LONGEST_WAIT_S))
    await connection.execute(
        update(conversations)
        .where(_c.id == row.id, _c.review_at == row.review_at)
        .values(review_at=now + timedelta(seconds=wait), attempts=row.attempts + 1)
    )
