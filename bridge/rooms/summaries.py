"""Conversations as one of their members sees them: with the last message's time and how many are unread."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, desc, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import parties_of, standings_of
from bridge.messages_model import AttendedBy, ConversationSummary
from bridge.storage.conversations import attended, conversations, receipts, timeline

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
        ~timeline.c.is_taken_back,
        timeline.c.seq > func.coalesce(_read_up_to, 0),
        # Whoever writes has seen what stood there before.
        timeline.c.seq > func.coalesce(_own_message, 0),
    )
    .scalar_subquery()
    .correlate(conversations)
)
_newest_of_patient = (
    select(func.max(timeline.c.seq))
    .where(_of_room, timeline.c.sender != conversations.c.professional)
    .scalar_subquery()
    .correlate(conversations)
)
_attended_at = (
    select(func.min(attended.c.at))
    .where(attended.c.room_id == conversations.c.room_id, attended.c.seq >= _newest_of_patient)
    .scalar_subquery()
    .correlate(conversations)
)
_SUMMARIES = select(
    conversations.c.room_id,
    conversations.c.patient,
    conversations.c.professional,
    _last_message_at.label("last_message_at"),
    _unread_count.label("unread_count"),
    _attended_at.label("attended_at"),
)
_OF = _SUMMARIES.where(
    conversations.c.opened_at.is_not(None),
    or_(
        conversations.c.patient.in_(bindparam("patients", expanding=True)),
        conversations.c.professional == bindparam("reader"),
    ),
).order_by(desc("last_message_at").nulls_last())
_ONE = _SUMMARIES.where(conversations.c.room_id == bindparam("room_id"))


async def summaries_of(
    connection: AsyncConnection, *, reader: str, now: datetime
) -> list[ConversationSummary]:
    """Every conversation that this person may see, the one with the newest message first."""
    standings = await standings_of(connection, reader, now=now)
    cared = {(one.care.patient, one.care.professional): one.care for one in standings if one.may("list")}
    people = {"reader": reader, "patients": [patient for patient, _ in cared]}
    rows = (await connection.execute(_OF, people)).all()
    return [
        _summary(row, is_active=cared[row.patient, row.professional].is_active(now))
        for row in rows
        if (row.patient, row.professional) in cared
    ]


async def summary_of(
    connection: AsyncConnection, *, room_id: str, reader: str, now: datetime
) -> ConversationSummary:
    """The conversation in this room, which exists."""
    row = (await connection.execute(_ONE, {"reader": reader, "room_id": room_id})).one()
    parties = await parties_of(connection, patient=row.patient, professional=row.professional, now=now)
    return _summary(row, is_active=parties.is_open)


def _summary(row: Row[*tuple[Any, ...]], *, is_active: bool) -> ConversationSummary:
    return ConversationSummary(
        conversation_id=row.room_id,
        patient=row.patient,
        professional=row.professional,
        state="active" if is_active else "ended",
        last_message_at=row.last_message_at,
        unread_count=row.unread_count,
        attended_by=None
        if row.attended_at is None
        else AttendedBy(user_id=row.professional, at=row.attended_at),
    )
