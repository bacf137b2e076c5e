"""The statements over upgrades of rooms, built once."""

from sqlalchemy import bindparam, func, literal_column, select, update

from bridge.storage.conversations import conversations, room_members, room_upgrades, timeline
from bridge.storage.sends import sends

_u = room_upgrades.c

OPENED = (
    select(conversations.c.room_id)
    .where(conversations.c.opened_at.is_not(None))
    .order_by(conversations.c.created_at, conversations.c.room_id)
)
UNFINISHED = select(room_upgrades).where(
    _u.conversation_id == bindparam("conversation"), _u.closed_at.is_(None)
)
LAST_NUMBER = select(func.coalesce(func.max(_u.number), 0)).where(
    _u.conversation_id == bindparam("conversation"), _u.moved_at.is_not(None)
)
"""Of the room in which a conversation goes on; 0 is the first. The next number is taken once, whoever asks."""
ROOM_OF_NONCE = select(_u.room_id).where(_u.nonce == bindparam("one"))
MOVE = (
    update(conversations)
    .where(conversations.c.id == bindparam("one"))
    .values(upgraded_to=bindparam("target"), applied=None, review_at=bindparam("instant"), attempts=0)
)
INVITE_AGAIN = (
    update(room_members)
    .where(
        room_members.c.room_id == bindparam("conversation"), room_members.c.membership.in_(["join", "invite"])
    )
    .values(membership="invite", joined_seq=None, new_since=None)
    .returning(room_members.c.user_id)
)
"""Of those who were in the room before nobody has come into the new one, as far as others are to know."""
CAME_EARLY = (
    update(room_members)
    .where(
        room_members.c.room_id == bindparam("conversation"),
        room_members.c.user_id == bindparam("user"),
        room_members.c.membership == "invite",
    )
    .values(
        membership="join",
        joined_seq=select(timeline.c.seq).where(timeline.c.event_id == bindparam("event")).scalar_subquery(),
        new_since=bindparam("instant"),
    )
)
"""Who was in the new room before the conversation was, by the event with which she came in."""
A_MESSAGE = (
    select(timeline.c.seq)
    .where(timeline.c.room_id == bindparam("conversation"), timeline.c.is_message)
    .limit(1)
)
LAST_ENCRYPTED = (
    select(sends.c.id)
    .where(
        sends.c.state == literal_column("'encrypted'"),
        sends.c.room_id == bindparam("conversation"),
        func.coalesce(sends.c.upgraded_room_id, sends.c.room_id) == bindparam("target"),
    )
    .order_by(sends.c.seq.desc())
    .limit(1)
)
"""What waits in a conversation, encrypted for one of its rooms."""
