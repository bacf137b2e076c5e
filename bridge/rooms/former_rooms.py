"""The rooms of a conversation: the first, whose id it keeps, and those that took its place (bridge/upgrading.py)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Text, bindparam, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.storage.conversations import conversations, room_upgrades
from bridge.storage.database import Database

CONVERSATION_ID = func.coalesce(
    select(room_upgrades.c.conversation_id)
    .where(room_upgrades.c.room_id == bindparam("room_id"))
    .scalar_subquery(),
    bindparam("room_id", type_=Text),
)
"""In a statement with the parameter `room_id`, whichever of its rooms that is: the id of the conversation."""

_PLACE = select(conversations.c.room_id, conversations.c.upgraded_to).where(
    conversations.c.room_id == CONVERSATION_ID
)
_ALL = union(select(conversations.c.room_id), select(room_upgrades.c.room_id))
_LATER = (
    select(room_upgrades.c.room_id)
    .where(
        room_upgrades.c.conversation_id == bindparam("conversation"), room_upgrades.c.moved_at.is_not(None)
    )
    .order_by(room_upgrades.c.number.desc())
)


@dataclass(frozen=True, slots=True)
class Place:
    """The conversation of a room, and whether it goes on there: a room may be left behind, or not be moved to yet."""

    conversation_id: str
    is_current: bool


def current_room(conversation: Row[*tuple[Any, ...]]) -> str:
    """The room in which this conversation goes on."""
    return str(conversation.upgraded_to or conversation.room_id)


def place_in(conversation: Row[*tuple[Any, ...]], room_id: str) -> Place:
    """What this room is in this conversation, which is its."""
    return Place(conversation.room_id, is_current=current_room(conversation) == room_id)


async def place_of(connection: AsyncConnection, room_id: str) -> Place | None:
    """Which conversation this room belongs to, if any."""
    row = (await connection.execute(_PLACE, {"room_id": room_id})).first()
    return None if row is None else place_in(row, room_id)


async def rooms_of(connection: AsyncConnection, conversation_id: str) -> list[str]:
    """The rooms of this conversation, the one in which it goes on first."""
    later = (await connection.scalars(_LATER, {"conversation": conversation_id})).all()
    return [*map(str, later), conversation_id]


async def all_rooms(connection: AsyncConnection) -> set[str | None]:
    """The rooms of all conversations."""
    return set(await connection.scalars(_ALL))


async def find_event(
    database: Database, matrix: MatrixClient, *, user_id: str, conversation_id: str, event_id: str
) -> tuple[str, JsonObject] | None:
    """The event, and the room of the conversation that it is in; None when there is none that the user may see.

    Raises MatrixError for trouble that ends, HomeserverUnreachableError.
    """
    async with database.read() as connection:
        rooms = await rooms_of(connection, conversation_id)
    for room_id in rooms:
        try:
            event = await matrix.event(user_id=user_id, room_id=room_id, event_id=event_id)
        except MatrixError as error:
            if error.is_temporary:
                raise
            continue  # she is not in this one
        if event is not None:
            return room_id, event
    return None
