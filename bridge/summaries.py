"""Conversations as one of their members sees them: with the last message's time and how many are unread."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, desc, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship
from appointments.services import care_of
from bridge.messages_model import ConversationSummary
from bridge.storage.conversations import conversations, receipts, timeline

_of_room = (timeline.c.room_id == conversations.c.room_id) & timeline.c.is_message

_read_up_to = (
    select(receipts.c.seq)
    .where(receipts.c.room_id == conversations.c.room_id, receipts.c.user_id == bindparam("reader"))
    .scalar_subquery()
    .correlate(conversations)
)
_own_message = (
    select(func.max(timeline.c.seq))
    .where(_of_room, timeline.c.sender == bindparam("reader"))
    .scalar_subquery()
    .correlate(conversations)
)
_last_message_at = (
    select(func.max(timeline.c.sent_at)).where(_of_room).scalar_subquery().correlate(conversations)
)
_unread_count = (
    select(func.count())
    .where(
        _of_room,
        timeline.c.sender != bindparam("reader"),
        timeline.c.seq > func.coalesce(_read_up_to, 0),
        # Whoever writes has seen what stood there before.
        timeline.c.seq > func.coalesce(_own_message, 0),
    )
    .scalar_subquery()
    .correlate(conversations)
)
_SUMMARIES = select(
    conversations.c.room_id,
    conversations.c.patient,
    conversations.c.professional,
    _last_message_at.label("last_message_at"),
    _unread_count.label("unread_count"),
)
_ALL = _SUMMARIES.where(
    conversations.c.opened_at.is_not(None),
    or_(conversations.c.patient == bindparam("reader"), conversations.c.professional == bindparam("reader")),
).order_by(desc("last_message_at").nulls_last())
_ONE = _SUMMARIES.where(conversations.c.room_id == bindparam("room_id"))


async def summaries_of(
    connection: AsyncConnection, *, reader: str, now: datetime
) -> list[ConversationSummary]:
    """Every conversation of this person, the one with the newest message first."""
    care = await care_of(connection, reader)
    rows = await connection.execute(_ALL, {"reader": reader})
    return [_summary(row, care, now) for row in rows]


async def summary_of(
    connection: AsyncConnection, *, room_id: str, reader: str, now: datetime
) -> ConversationSummary:
    """The conversation in this room, which exists."""
    care = await care_of(connection, reader)
    row = (await connection.execute(_ONE, {"reader": reader, "room_id": room_id})).one()
    return _summary(row, care, now)


def _summary(
    row: Row[*tuple[Any, ...]], care: Iterable[CareRelationship], now: datetime
) -> ConversationSummary:
    pair = (row.patient, row.professional)
    active = any((one.patient, one.professional) == pair and one.is_active(now) for one in care)
    return ConversationSummary(
        conversation_id=row.room_id,
        patient=row.patient,
        professional=row.professional,
        state="active" if active else "ended",
        last_message_at=row.last_message_at,
        unread_count=row.unread_count,
    )
