"""Who is on her way into a room: on record before she can be in, new from the moment she is (introductions.py)."""

from datetime import datetime

from sqlalchemy import bindparam, case, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import Instant
from bridge.matrix.events import RoomEvent
from bridge.storage.conversations import room_members, timeline
from bridge.storage.e2ee import own_devices
from bridge.storage.statements import insert_once

_c = room_members.c
_MEMBER = (_c.room_id == bindparam("room"), _c.user_id == bindparam("user"))
# Whose device is here needs no introduction.
_NEW_SINCE = case(
    (~exists().where(own_devices.c.user_id == bindparam("user")), bindparam("now", type_=Instant))
)
_IS_INVITED = update(room_members).where(*_MEMBER, _c.membership != "join").values(membership="invite")
_ARRIVES = (
    update(room_members)
    .where(*_MEMBER, _c.membership != "join")
    .values(
        joined_seq=select(timeline.c.seq).where(timeline.c.event_id == bindparam("event")).scalar_subquery(),
        new_since=_NEW_SINCE,
    )
)
_IS_IN = update(room_members).where(*_MEMBER).values(membership="join", new_since=_NEW_SINCE)
_IS_FOUND = _IS_IN.where(_c.membership == bindparam("noted"))
_ACTS = _IS_IN.where(_c.membership.in_(["invite", "leave"]))


async def note_invitation(connection: AsyncConnection, room_id: str, user_id: str) -> None:
    """Record that somebody is being invited, before she is: she may join before we hear of it, and stays in then."""
    if not await insert_once(connection, room_members, room_id=room_id, user_id=user_id, membership="invite"):
        await connection.execute(_IS_INVITED, {"room": room_id, "user": user_id})


async def note_arrival(connection: AsyncConnection, event: RoomEvent, *, now: datetime) -> None:
    """Remember when, and where in the timeline, a member comes in, before her membership is set to `join`.

    A change of her name is the same event again, but she was in already. Who was not on record is from now on.
    """
    one = {"room_id": event.room_id, "user_id": event.state_key}
    await insert_once(connection, room_members, **one, membership="invite")
    values = {"room": event.room_id, "user": event.state_key, "event": event.event_id, "now": now}
    await connection.execute(_ARRIVES, values)


async def note_presence(connection: AsyncConnection, room_id: str, user_id: str, *, now: datetime) -> None:
    """Whoever does something in a room is in it, even if we never heard that she came in (an older copy)."""
    await connection.execute(_ACTS, {"room": room_id, "user": user_id, "now": now})


async def note_found(
    connection: AsyncConnection, room_id: str, user_id: str, *, noted: str | None, now: datetime
) -> None:
    """She is in the room, where she was on record as something else, or not at all, before that was looked at.

    If that has changed since, we know better already.
    """
    if noted is None:
        await insert_once(connection, room_members, room_id=room_id, user_id=user_id, membership="invite")
    values = {"room": room_id, "user": user_id, "noted": noted or "invite", "now": now}
    await connection.execute(_IS_FOUND, values)
