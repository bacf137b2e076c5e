"""That a professional has taken a message on: a reaction of hers, which any Matrix client can send.

✅, ✔ or 👀 on a message of the patient's side covers it and what that side wrote before. Taking the reaction back
takes the mark back. Reactions travel in clear: they say no more than that she is on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.facts import Fact, append
from bridge.matrix.events import RoomEvent
from bridge.messages_model import AttendedBy
from bridge.storage.conversations import attended, conversations, timeline
from bridge.storage.statements import insert_once

MARKS = frozenset({"✅", "✔", "👀"})
_VARIATION = "\ufe0f"  # asks for the coloured picture of a sign; some clients send it, some don't

_MESSAGE = (
    select(timeline.c.seq)
    .join(conversations, conversations.c.room_id == timeline.c.room_id)
    .where(
        timeline.c.event_id == bindparam("message"),
        timeline.c.room_id == bindparam("room"),
        timeline.c.is_message,
        timeline.c.sender != conversations.c.professional,
        conversations.c.professional == bindparam("reader"),
    )
)
_OF_ROOM = select(attended).where(attended.c.room_id == bindparam("room")).order_by(attended.c.at)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a professional took on in one room; the first mark that covers a message is the one that counts."""

    _marks: tuple[tuple[int, AttendedBy], ...] = ()

    def of(self, seq: int | None) -> AttendedBy | None:
        """Who has taken on the message of the patient's side at this place."""
        if seq is None:
            return None
        return next((by for covered, by in self._marks if covered >= seq), None)


async def note_reaction(connection: AsyncConnection, event: RoomEvent) -> None:
    """A reaction was sent: a mark, if it is one of ours, the professional's, on a message of the other side."""
    relation = event.content.get("m.relates_to")
    if not isinstance(relation, dict) or str(relation.get("key")).replace(_VARIATION, "") not in MARKS:
        return
    message_id = str(relation.get("event_id"))
    asked = {"message": message_id, "room": event.room_id, "reader": event.sender}
    seq = (await connection.execute(_MESSAGE, asked)).scalar_one_or_none()
    if seq is None:
        return
    await insert_once(
        connection,
        attended,
        reaction_id=event.event_id,
        room_id=event.room_id,
        seq=seq,
        user_id=event.sender,
        at=event.sent_at,
    )
    await append(
        connection,
        Fact(
            id=f"message.attended:{message_id}",
            kind="message.attended",
            subject=event.room_id,
            at=event.sent_at,
            data={"event_id": message_id},
        ),
    )


async def take_back(connection: AsyncConnection, event: RoomEvent) -> None:
    """An event was redacted: if it was a mark, it is none any more."""
    await connection.execute(
        delete(attended).where(
            attended.c.reaction_id == str(event.content.get("redacts")), attended.c.room_id == event.room_id
        )
    )


async def marks_of(connection: AsyncConnection, room_id: str) -> Marks:
    """The marks of a room."""
    rows: Sequence[tuple[int, str, datetime]] = [
        (row.seq, row.user_id, row.at) for row in await connection.execute(_OF_ROOM, {"room": room_id})
    ]
    return Marks(tuple((seq, AttendedBy(user_id=user_id, at=at)) for seq, user_id, at in rows))
