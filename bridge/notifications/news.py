"""What is news to somebody in a conversation: what she may read and has not; and the deliveries that tell of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import Integer, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.deliveries.errors import NotWantedError
from bridge.deliveries.ledger import Delivery, ended_untold, enqueue
from bridge.rooms.reading_rights import may_read
from bridge.storage.conversations import receipts, timeline
from bridge.storage.direct_chats import direct_chats

_TAKEN_BACK = cast(timeline.c.is_taken_back, Integer)


def push_of(
    *, subscription_id: str, person: str, conversation_id: str, message_id: str, due_at: datetime
) -> Delivery:
    """What tells one browser of one message; the same message again is the same delivery."""
    return Delivery(
        id=f"push:{message_id}:{subscription_id}",
        person=person,
        channel="push",
        kind="message",
        subject=conversation_id,
        due_at=due_at,
        data={"subscription_id": subscription_id, "message_id": message_id},
    )


def mail_of(*, person: str, conversation_id: str, read_up_to: int, due_at: datetime) -> Delivery:
    """What tells her once of all that waits in a conversation, until she has read on."""
    return Delivery(
        id=f"email:{conversation_id}:{read_up_to}:{person}",
        person=person,
        channel="email",
        kind="message",
        subject=conversation_id,
        due_at=due_at,
        data={"read_up_to": read_up_to},
    )


async def enqueue_mail(connection: AsyncConnection, mail: Delivery, *, sealer: Sealer) -> None:
    """A message has come: she is told of it, unless she was told since she read last, or is about to be.

    A mail that was given up, or that she did not want then, told her nothing.
    """
    for number in count(1):
        this = mail if number == 1 else replace(mail, id=f"{mail.id}#{number}")
        if await enqueue(connection, this, sealer=sealer) or not await ended_untold(connection, this.id):
            return


async def require_reader(connection: AsyncConnection, person: str, room_id: str, *, now: datetime) -> None:
    """She may still read what is written there: a consult room or her own chat. Raises NotWantedError."""
    own = select(direct_chats.c.room_id).where(
        direct_chats.c.room_id == room_id, direct_chats.c.person == person
    )
    if await may_read(connection, reader=person, room_id=room_id, now=now):
        return
    if (await connection.execute(own)).first() is None:
        raise NotWantedError


async def is_past(connection: AsyncConnection, person: str, room_id: str, message_id: str | None) -> bool:
    """Whether she has read this message, or written it herself, or its sender has taken it back.

    False for one whose place is not known yet.
    """
    query = select(timeline.c.seq, timeline.c.is_taken_back).where(timeline.c.event_id == message_id)
    place = (await connection.execute(query)).one_or_none()
    if place is None:
        return False
    return bool(place.is_taken_back) or place.seq <= await read_up_to(connection, person, room_id)


async def is_all_taken_back(connection: AsyncConnection, person: str, room_id: str, *, after: int) -> bool:
    """Whether what came behind this place was taken back, all of it; of what has no place yet nothing is known."""
    came = _of_others(person, room_id, after).with_only_columns(func.count(), func.sum(_TAKEN_BACK))
    row = (await connection.execute(came)).one()
    return row[0] > 0 and row[0] == row[1]


async def read_up_to(connection: AsyncConnection, person: str, room_id: str) -> int:
    """The place in the room's timeline up to which she has read, or which is her own last message; 0 at first."""
    receipt = select(receipts.c.seq).where(receipts.c.room_id == room_id, receipts.c.user_id == person)
    own = select(func.max(timeline.c.seq)).where(
        timeline.c.room_id == room_id, timeline.c.sender == person, timeline.c.is_message
    )
    found = [(await connection.execute(query)).scalar_one_or_none() for query in (receipt, own)]
    return max(place or 0 for place in found)


async def enqueue_rest(
    connection: AsyncConnection, person: str, room_id: str, *, delay: timedelta, sealer: Sealer
) -> None:
    """She has read on: what waits still was one delivery with what she has read, and gets one of its own."""
    read = await read_up_to(connection, person, room_id)
    since = await _waits_since(connection, person, room_id, after=read)
    if since is not None:
        rest = mail_of(person=person, conversation_id=room_id, read_up_to=read, due_at=since + delay)
        await enqueue(connection, rest, sealer=sealer)


async def _waits_since(
    connection: AsyncConnection, person: str, room_id: str, *, after: int
) -> datetime | None:
    """When the first message of others after this place came; None when there is none."""
    first = _of_others(person, room_id, after).where(~timeline.c.is_taken_back)
    found: datetime | None = await connection.scalar(first.order_by(timeline.c.seq).limit(1))
    return found


def _of_others(person: str, room_id: str, after: int) -> Select[tuple[datetime]]:
    return select(timeline.c.sent_at).where(
        timeline.c.room_id == room_id,
        timeline.c.seq > after,
        timeline.c.sender != person,
        timeline.c.is_message,
    )
