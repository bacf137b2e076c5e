"""What became of a message: `sent`, `delivered`, `read`; each step once, only forward, each with its fact.

That it was edited or taken back is no step: it may happen at any time, and changes none of them.

`sent` is a message with a place in the timeline. The steps are columns that are set once and never taken back, so
that nothing that changes later (who represents whom, whose receipt we know) moves a status backwards.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage import representation as representations
from bridge.facts import Fact, append, find
from bridge.storage.conversations import IS_UNDELIVERED, conversations, timeline

_EDITED = "message.edited"
_PAIR = select(conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id == bindparam("room_id")
)
_SET_DELIVERED = (
    update(timeline)
    .where(timeline.c.event_id == bindparam("message"), IS_UNDELIVERED)
    .values(delivered_at=bindparam("instant"))
)
_IN_ROOM = (timeline.c.event_id == bindparam("event"), timeline.c.room_id == bindparam("room"))
_TAKE_BACK = update(timeline).where(*_IN_ROOM).values(is_taken_back=True).returning(timeline.c.is_message)
_STANDS = select(timeline.c.seq).where(*_IN_ROOM, ~timeline.c.is_taken_back)
_OWN_MESSAGE = select(timeline.c.seq).where(
    *_IN_ROOM, timeline.c.sender == bindparam("sender"), timeline.c.is_message
)
_UNREAD = (
    timeline.c.is_message,
    timeline.c.read_at.is_(None),
    timeline.c.room_id == bindparam("room"),
    timeline.c.seq > bindparam("after"),
    timeline.c.seq <= bindparam("up_to"),
)
_SET_READ = (
    update(timeline)
    .values(
        read_at=bindparam("instant"),
        delivered_at=func.coalesce(timeline.c.delivered_at, bindparam("instant")),
    )
    .returning(timeline.c.seq, timeline.c.event_id)
)
_SET_READ_BY_PROFESSIONAL = _SET_READ.where(*_UNREAD, timeline.c.sender != bindparam("professional"))
_SET_READ_BY_PATIENT = _SET_READ.where(*_UNREAD, timeline.c.sender == bindparam("professional"))


async def mark_delivered(connection: AsyncConnection, *, room_id: str, event_id: str, now: datetime) -> bool:
    """Every recipient's homeserver has this message; False when that was known."""
    done = await connection.execute(_SET_DELIVERED, {"message": event_id, "instant": now})
    if done.rowcount:
        await append(connection, _fact("message.delivered", room_id=room_id, event_id=event_id, at=now))
    return bool(done.rowcount)


async def mark_read(
    connection: AsyncConnection, *, room_id: str, reader: str, after: int, up_to: int, at: datetime
) -> None:
    """This person has read what stands in (after, up_to] of the room: for the other side's messages that is `read`.

    Who is on no side, a bot for instance, changes nothing.
    """
    pair = (await connection.execute(_PAIR, {"room_id": room_id})).one_or_none()
    if pair is None or not await _takes_part(connection, reader, pair.patient, pair.professional):
        return
    statement = _SET_READ_BY_PROFESSIONAL if reader == pair.professional else _SET_READ_BY_PATIENT
    values = {
        "room": room_id,
        "after": after,
        "up_to": up_to,
        "professional": pair.professional,
        "instant": at,
    }
    read: Sequence[tuple[int, str]] = [
        (row.seq, row.event_id) for row in await connection.execute(statement, values)
    ]
    for _, event_id in sorted(read):
        await append(connection, _fact("message.read", room_id=room_id, event_id=event_id, at=at))


async def mark_taken_back(connection: AsyncConnection, *, room_id: str, event_id: str, at: datetime) -> None:
    """An event of this room was redacted: who was not told of a message yet need not be, the others are.

    Of an edit they are told as of another edit: the message says again what it said before.
    """
    taken_back = await connection.execute(_TAKE_BACK, {"room": room_id, "event": event_id})
    is_message = taken_back.scalar_one_or_none()
    if is_message:
        await append(connection, _fact("message.redacted", room_id=room_id, event_id=event_id, at=at))
    elif is_message is not None:
        await _mark_edit_taken_back(connection, room_id=room_id, edit_id=event_id, at=at)


async def mark_edited(
    connection: AsyncConnection, *, room_id: str, event_id: str, edit_id: str, sender: str, at: datetime
) -> None:
    """A message says something else now. Only its own sender's edits count; each of them is told."""
    own = {"room": room_id, "event": event_id, "sender": sender}
    if (await connection.execute(_OWN_MESSAGE, own)).first() is None:
        return
    told = {"event_id": event_id}
    await append(connection, Fact(f"{_EDITED}:{edit_id}", _EDITED, room_id, at, told))


async def _mark_edit_taken_back(
    connection: AsyncConnection, *, room_id: str, edit_id: str, at: datetime
) -> None:
    edit = await find(connection, f"{_EDITED}:{edit_id}")
    if edit is None:  # no edit, or one that counts for nobody
        return
    message = {"room": room_id, "event": edit.data["event_id"]}
    if (await connection.execute(_STANDS, message)).first() is not None:
        await append(connection, replace(edit, id=f"{edit.id}:taken_back", at=at))


async def _takes_part(connection: AsyncConnection, person: str, patient: str, professional: str) -> bool:
    if person in (patient, professional):
        return True
    act = await representations.find(connection, patient=patient, representative=person)
    return act is not None and "messages" in act.scopes


def _fact(kind: str, *, room_id: str, event_id: str, at: datetime) -> Fact:
    return Fact(id=f"{kind}:{event_id}", kind=kind, subject=room_id, at=at, data={"event_id": event_id})
