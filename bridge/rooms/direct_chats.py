"""Direct chats: everybody who takes part with a client of their own has one encrypted room with the assistant.

    in care, no chat ─▶ row with a nonce ─▶ createRoom ─▶ room id stored ─▶ invited ─▶ (joins: welcome)

Made as consult rooms are (bridge/rooms/conversations.py): nobody is invited before the room is known to be ours.
Somebody who leaves her chat is left alone, until the clinic invites her once more because she asked for it.
"""

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.taking_part import NOW, taking_part
from bots.assistant import display_name
from bots.consult import NONCE
from bots.direct_chat import LAST_STATE, direct_chat, invitation
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.rooms.arrivals import note_invitation, note_presence
from bridge.rooms.former_rooms import all_rooms
from bridge.settings import Settings
from bridge.storage.database import Database
from bridge.storage.direct_chats import direct_chats
from bridge.storage.people import people
from bridge.storage.state import get_state, set_state
from bridge.storage.statements import insert_once

log = logging.getLogger(__name__)

_NAME = "assistant.display_name"
_FIRST_RETRY = timedelta(seconds=10)
_MOST_DOUBLINGS = 9
"""So that an invitation which nobody takes is tried every hour and a half in the end."""

_OF_PERSON = select(direct_chats).where(direct_chats.c.person == bindparam("person"))
_PERSON = select(direct_chats.c.person).where(direct_chats.c.room_id == bindparam("room_id"))
_TAKING_PART = taking_part().subquery()
_MISSING = (
    select(_TAKING_PART.c.person)
    .outerjoin(direct_chats, direct_chats.c.person == _TAKING_PART.c.person)
    .where(
        direct_chats.c.invited_at.is_(None),
        or_(direct_chats.c.retry_at.is_(None), direct_chats.c.retry_at <= NOW),
        # Whoever uses the portal's pages reads there; whoever was deactivated reads nothing.
        ~exists().where(
            people.c.user_id == _TAKING_PART.c.person,
            or_(people.c.managed, people.c.deactivated_at.is_not(None)),
        ),
    )
    .order_by(_TAKING_PART.c.person)
)
_SET_ROOM = (
    update(direct_chats)
    .where(direct_chats.c.person == bindparam("chat"), direct_chats.c.room_id.is_(None))
    .values(room_id=bindparam("made"))
)


async def person_of(connection: AsyncConnection, room_id: str) -> str | None:
    """Whose chat with the assistant this room is."""
    found = await connection.execute(_PERSON, {"room_id": room_id})
    person: str | None = found.scalar_one_or_none()
    return person


class DirectChats:
    """Makes the chats that are missing."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        settings: Settings,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._encryption = encryption
        self._settings = settings
        self._now = now

    async def complete(self) -> None:
        """Give the assistant its device and name, and everybody who takes part her chat. May be repeated."""
        try:
            await self._settle_in()
        except (MatrixError, HomeserverUnreachableError) as error:
            log.warning("the assistant can't be set up yet: %s", type(error).__name__)
            return
        async with self._database.read() as connection:
            missing = (await connection.scalars(_MISSING, {"now": self._now()})).all()
        for person in missing:
            await self._try(person)

    async def invite_again(self, person: str) -> bool:
        """Have this person invited to her chat once more, if she has one and left it; whether she has one."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(direct_chats)
                .where(direct_chats.c.person == person)
                .values(invited_at=None, failures=0, retry_at=self._now())
            )
        return bool(changed.rowcount)

    async def _settle_in(self) -> None:
        assistant, name = self._settings.assistant_id, display_name(self._settings.clinic)
        await self._encryption.provision(assistant)
        async with self._database.read() as connection:
            shown = await get_state(connection, _NAME)
        if shown != name:
            await self._matrix.set_displayname(user_id=assistant, displayname=name)
            async with self._database.write() as connection:
                await set_state(connection, _NAME, name)

    async def _try(self, person: str) -> None:
        row = await self._recorded(person)
        try:
            await self._invite(row, await self._room_of(row))
        except (MatrixError, HomeserverUnreachableError) as error:
            asked_s = error.retry_after_s or 0.0 if isinstance(error, MatrixError) else 0.0
            delay = max(_FIRST_RETRY * 2 ** min(row.failures, _MOST_DOUBLINGS), timedelta(seconds=asked_s))
            log.warning("a direct chat waits %d s: %s", delay.total_seconds(), _kind(error))
            failed = {"failures": row.failures + 1, "retry_at": self._now() + delay}
            await self._change(person, **failed)

    async def _recorded(self, person: str) -> Row[Any]:
        encryption, now = self._settings.encryption, self._now()
        async with self._database.write() as connection:
            await insert_once(
                connection,
                direct_chats,
                person=person,
                nonce=uuid.uuid4().hex,
                created_at=now,
                failures=0,
                retry_at=now,
                rotation_period_msgs=encryption.rotation_period_msgs,
                rotation_period_ms=encryption.rotation_period_ms,
            )
            return (await connection.execute(_OF_PERSON, {"person": person})).one()

    async def _room_of(self, row: Row[Any]) -> str:
        if row.room_id is not None:
            return str(row.room_id)
        room_id = await self._left_by_a_crash(row.nonce) or await self._create_room(row)
        async with self._database.write() as connection:
            await connection.execute(_SET_ROOM, {"chat": row.person, "made": room_id})
            chosen = (await connection.execute(_OF_PERSON, {"person": row.person})).one()
        if chosen.room_id != room_id:  # another process was faster; nobody ever saw our room
            await self._matrix.leave(user_id=self._settings.assistant_id, room_id=room_id)
        return str(chosen.room_id)

    async def _create_room(self, row: Row[Any]) -> str:
        body = direct_chat(
            nonce=row.nonce,
            assistant=self._settings.assistant_id,
            person=row.person,
            rotation_period_msgs=row.rotation_period_msgs,
            rotation_period_ms=row.rotation_period_ms,
        )
        return await self._matrix.create_room(user_id=self._settings.assistant_id, body=body)

    async def _left_by_a_crash(self, nonce: str) -> str | None:
        """The room that was made for this chat before its id could be stored, if it is whole."""
        assistant = self._settings.assistant_id
        async with self._database.read() as connection:
            chats = await connection.scalars(select(direct_chats.c.room_id))
            known = {*chats, *await all_rooms(connection)}
        for room_id in await self._matrix.joined_rooms(user_id=assistant):
            if room_id in known:
                continue
            events = await self._matrix.room_state(user_id=assistant, room_id=room_id)
            contents = {event["type"]: event["content"] for event in events}
            if contents.get("m.room.create", {}).get(NONCE) == nonce and LAST_STATE in contents:
                return room_id
        return None

    async def _invite(self, row: Row[Any], room_id: str) -> None:
        member = {"room_id": room_id, "event_type": "m.room.member", "state_key": row.person}
        assistant = self._settings.assistant_id
        there = await self._matrix.state_event(user_id=assistant, **member)
        membership = None if there is None else there.get("membership")
        if membership == "join":  # even if we never heard of it (an older copy)
            async with self._database.write() as connection:
                await note_presence(connection, room_id, row.person, now=self._now())
        elif membership != "invite":
            async with self._database.write() as connection:
                await note_invitation(connection, room_id, row.person)
            await self._matrix.send_state(user_id=assistant, **member, content=invitation())
        await self._change(row.person, invited_at=self._now())

    async def _change(self, person: str, **values: datetime | int) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(direct_chats).where(direct_chats.c.person == person).values(**values)
            )


def _kind(error: Exception) -> str:
    return f"{error.status} {error.errcode}" if isinstance(error, MatrixError) else type(error).__name__
