"""Whether the assistant sits in consult rooms: in all of them that are open, or in none, as the clinic decides.

The announcement follows from its join (bridge/assistant/assistant.py), so it is never there untold.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import and_, bindparam, func, select

from appointments.storage.care import care_relationships
from appointments.storage.taking_part import is_active_care
from bots.consult import service_members
from bridge.clock import Now
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.rooms.former_rooms import current_room, rooms_of
from bridge.rooms.room_state import PRESENT
from bridge.rooms.rooms import set_membership
from bridge.settings import Settings
from bridge.storage.conversations import conversations, room_members
from bridge.storage.database import Database

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_ROOMS = select(conversations.c.room_id, conversations.c.upgraded_to).outerjoin(
    room_members,
    and_(
        room_members.c.room_id == conversations.c.room_id,
        room_members.c.user_id == bindparam("assistant"),
    ),
)
_UNATTENDED = _ROOMS.join(
    care_relationships,
    and_(
        care_relationships.c.patient == conversations.c.patient,
        care_relationships.c.professional == conversations.c.professional,
    ),
).where(
    conversations.c.opened_at.is_not(None),
    is_active_care(),
    func.coalesce(room_members.c.membership, "leave") != "join",
)
_ATTENDED = _ROOMS.where(room_members.c.membership.in_(["join", "invite"]))


class Attendance:
    """Brings the assistant into consult rooms, or takes it out of them."""

    def __init__(self, *, database: Database, matrix: MatrixClient, settings: Settings, now: Now) -> None:
        self._database = database
        self._matrix = matrix
        self._settings = settings
        self._keeper = settings.keeper_id
        self._assistant = settings.assistant_id
        self._introduction_s = settings.encryption.introduction_s
        self._now = now

    async def complete(self) -> None:
        """Make every room what the settings say. May be repeated."""
        attends = self._settings.assistant.in_consult_rooms
        query, parameters = (_UNATTENDED, {"now": self._now()}) if attends else (_ATTENDED, {})
        async with self._database.read() as connection:
            found = await connection.execute(query, {"assistant": self._assistant, **parameters})
            rooms = {str(row.room_id): current_room(row) for row in found}
        if attends:
            # In all of them at once, the time that others need to get to know it (bridge/rooms/membership.py).
            invited = await _in_each(self._is_invited, rooms.values())
            to_join = [room_id for room_id, is_invited in invited.items() if is_invited]
            if to_join:
                await asyncio.sleep(self._introduction_s)
            await _in_each(self._join, to_join)
        else:
            for conversation_id in await _in_each(self._leave, rooms):
                await self._note_left(conversation_id)

    async def _is_invited(self, room_id: str) -> bool:
        """Have it invited, unless it is in already."""
        membership = await self._membership(room_id)
        if membership == "join":  # which comes to be on record in the order of the room's events
            return False
        await self._show_as_service(room_id, [self._keeper, self._assistant])
        if membership != "invite":
            await self._matrix.invite(user_id=self._keeper, room_id=room_id, invitee=self._assistant)
        return True

    async def _join(self, room_id: str) -> None:
        await self._matrix.join(user_id=self._assistant, room_id=room_id)

    async def _leave(self, conversation_id: str) -> None:
        """The rooms that were left behind too; it may not have come into the last one yet."""
        async with self._database.read() as connection:
            rooms = await rooms_of(connection, conversation_id)
        for room_id in rooms:
            if await self._membership(room_id) in PRESENT:
                await self._matrix.leave(user_id=self._assistant, room_id=room_id)
            await self._show_as_service(room_id, [self._keeper])

    async def _membership(self, room_id: str) -> Any:
        there = await self._matrix.state_event(
            user_id=self._keeper, room_id=room_id, event_type="m.room.member", state_key=self._assistant
        )
        return None if there is None else there.get("membership")

    async def _note_left(self, conversation_id: str) -> None:
        async with self._database.write() as connection:
            await set_membership(connection, conversation_id, self._assistant, "leave")

    async def _show_as_service(self, room_id: str, members: list[str]) -> None:
        await self._matrix.send_state(
            user_id=self._keeper,
            room_id=room_id,
            event_type="io.element.functional_members",
            state_key="",
            content=service_members(members),
        )


async def _in_each(step: Callable[[str], Awaitable[_T]], ids: Iterable[str]) -> dict[str, _T]:
    """What this step gave in each room or conversation. One in trouble is left out, and made up for later."""
    given = {}
    for one in ids:
        try:
            given[one] = await step(one)
        except (MatrixError, HomeserverUnreachableError) as error:
            log.warning("the assistant's place in %s waits: %s", one, type(error).__name__)
    return given
