"""What we know of consult rooms, projected from the events that the homeserver pushes and from what we did."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import Circle, circle_of
from appointments.storage.care import care_relationships, has_left
from appointments.storage.representation import representations
from appointments.storage.taking_part import represents_in_messages
from bridge.e2ee.model import Rotation
from bridge.matrix.events import RoomEvent
from bridge.rooms.former_rooms import CONVERSATION_ID, Place, place_in
from bridge.storage.conversations import conversations, room_members, timeline
from bridge.storage.direct_chats import direct_chats
from bridge.storage.statements import insert_once, upsert
from bridge.timeline.message_events import is_message

PRESENT = ("join", "invite")
_LARGEST_PERIODS = {"rotation_period_msgs": 2**31 - 1, "rotation_period_ms": 10 * 365 * 86_400_000}

_ENCRYPTION = (
    select(
        conversations.c.patient,
        conversations.c.professional,
        conversations.c.rotation_period_msgs,
        conversations.c.rotation_period_ms,
        conversations.c.review_at,
        conversations.c.upgraded_to,
        room_members.c.user_id,
        room_members.c.membership,
    )
    .select_from(
        conversations.outerjoin(room_members, room_members.c.room_id == conversations.c.room_id),
    )
    .where(conversations.c.room_id == bindparam("room_id"))
)
_DIRECT_CHAT = (
    select(
        direct_chats.c.person,
        direct_chats.c.rotation_period_msgs,
        direct_chats.c.rotation_period_ms,
        room_members.c.user_id,
        room_members.c.membership,
    )
    .select_from(direct_chats.outerjoin(room_members, room_members.c.room_id == direct_chats.c.room_id))
    .where(direct_chats.c.room_id == bindparam("room_id"))
)
_IS_THERE = ~exists().where(
    care_relationships.c.patient == conversations.c.patient,
    care_relationships.c.professional == conversations.c.professional,
    has_left(),
)
_MEMBERS = (
    select(
        conversations.c.room_id,
        conversations.c.upgraded_to,
        conversations.c.patient,
        case((_IS_THERE, conversations.c.professional)).label("professional"),
        representations.c.representative,
    )
    .select_from(
        conversations.outerjoin(
            representations,
            and_(representations.c.patient == conversations.c.patient, represents_in_messages()),
        )
    )
    .where(conversations.c.room_id == CONVERSATION_ID)
)


@dataclass(frozen=True, slots=True)
class RoomEncryption:
    """For which room and whom a message is encrypted, and when its session has to change."""

    room_id: str
    recipients: frozenset[str]
    rotation: Rotation


@dataclass(frozen=True, slots=True)
class Reading:
    """The bot that may be given keys: in direct chats always, in consult rooms if it `attends` them."""

    assistant: str
    attends: bool


@dataclass(frozen=True, slots=True)
class Readers:
    """Who takes part in the conversation of a room: `Parties.members`."""

    place: Place
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class ConsultRoom:
    """The room in which a conversation goes on.

    Whose it is, who is `present` in it, and when it has to be looked at again.
    """

    room_id: str
    circle: Circle
    present: frozenset[str]
    rotation: Rotation
    review_at: datetime | None

    def encryption(self, *, reading: Reading, now: datetime) -> RoomEncryption:
        """Those who take part, even while their invitation waits; nobody else.

        Being in the room is not enough: whoever was put into it with a stolen token or by a homeserver's
        administrator gets no keys, nor does who represents the patient no more, or has left.
        """
        attending = self.present & {reading.assistant} if reading.attends else frozenset[str]()
        recipients = self.circle.parties(now=now).members | attending
        return RoomEncryption(room_id=self.room_id, recipients=recipients, rotation=self.rotation)


async def consult_room_of(connection: AsyncConnection, room_id: str) -> ConsultRoom | None:
    """That of the conversation with this id."""
    rows = (await connection.execute(_ENCRYPTION, {"room_id": room_id})).all()
    if not rows:
        return None
    first = rows[0]
    return ConsultRoom(
        room_id=first.upgraded_to or room_id,
        circle=await circle_of(connection, patient=first.patient, professional=first.professional),
        present=frozenset(row.user_id for row in rows if row.membership in PRESENT),
        rotation=Rotation(period_msgs=first.rotation_period_msgs, period_ms=first.rotation_period_ms),
        review_at=first.review_at,
    )


async def room_encryption(
    connection: AsyncConnection, room_id: str, *, reading: Reading, now: datetime
) -> RoomEncryption:
    """For whom a message to a consult room or a direct chat is encrypted.

    Of a direct chat with the assistant: the person and the assistant, while they are in it.
    """
    room = await consult_room_of(connection, room_id)
    if room is None:
        return await direct_chat_encryption(connection, room_id, reading=reading)
    return room.encryption(reading=reading, now=now)


async def direct_chat_encryption(
    connection: AsyncConnection, room_id: str, *, reading: Reading
) -> RoomEncryption:
    """The person of this direct chat and the assistant, while they are in it."""
    rows = (await connection.execute(_DIRECT_CHAT, {"room_id": room_id})).all()
    present = {row.user_id for row in rows if row.membership in PRESENT}
    return RoomEncryption(
        room_id=room_id,
        recipients=frozenset(present & {rows[0].person, reading.assistant}),
        rotation=Rotation(period_msgs=rows[0].rotation_period_msgs, period_ms=rows[0].rotation_period_ms),
    )


async def readers_of(connection: AsyncConnection, room_id: str, *, now: datetime) -> Readers | None:
    """Who takes part in the conversation of this room and so is to read it, in one statement.

    None for a room that is no consult room.
    """
    rows = (await connection.execute(_MEMBERS, {"room_id": room_id, "now": now})).all()
    people = frozenset(person for row in rows for person in row[2:] if person is not None)
    return Readers(place=place_in(rows[0], room_id), people=people) if rows else None


async def set_membership(connection: AsyncConnection, room_id: str, user_id: str, membership: str) -> None:
    """Record somebody's membership of a room."""
    await upsert(
        connection,
        room_members,
        key={"room_id": room_id, "user_id": user_id},
        values={"membership": membership},
    )


async def membership_of(connection: AsyncConnection, room_id: str, people: Iterable[str]) -> dict[str, str]:
    """The recorded membership of each of these people who has one."""
    query = select(room_members.c.user_id, room_members.c.membership).where(
        room_members.c.room_id == room_id, room_members.c.user_id.in_(list(people))
    )
    return {row.user_id: row.membership for row in await connection.execute(query)}


async def present_in(connection: AsyncConnection, room_id: str) -> set[str]:
    """Who is recorded as being in this room, or invited to it."""
    query = select(room_members.c.user_id).where(
        room_members.c.room_id == room_id, room_members.c.membership.in_(PRESENT)
    )
    return set(await connection.scalars(query))


async def set_rotation(connection: AsyncConnection, room_id: str, content: dict[str, Any]) -> None:
    """Follow an `m.room.encryption` event; values that make no sense leave what was."""
    values = {
        name: content[name]
        for name, largest in _LARGEST_PERIODS.items()
        if type(content.get(name)) is int and 0 < content[name] <= largest
    }
    if values:
        await connection.execute(
            update(conversations).where(conversations.c.room_id == room_id).values(**values)
        )


async def record_event(
    connection: AsyncConnection,
    event: RoomEvent,
    *,
    is_silent: bool = False,
    upgraded_room_id: str | None = None,
) -> bool:
    """Give an event of a consult room its place in the room's order; False when it has one already.

    `is_silent`: who could read it found no message in it. `upgraded_room_id`: the room of the conversation in which
    it is, if that is another than the first.
    """
    return await insert_once(
        connection,
        timeline,
        event_id=event.event_id,
        room_id=event.room_id,
        sender=event.sender,
        sent_at=event.sent_at,
        is_message=is_message(event) and not is_silent,
        is_late=event.is_late,
        upgraded_room_id=upgraded_room_id,
    )
