"""A conversation moved into a new room, once as far as anybody can see; its id stays what it was.

    noted ─▶ createRoom ─▶ room id stored ─▶ managed people join,  ─▶ moved ─▶ what waited for ─▶ closed
    with a   (room_making   (unique)          the others are all      one      the old room       tombstone,
    nonce     .py)                            invited (moving_in.py)  commit   goes out           nobody writes

A refused invitation keeps the conversation where it is, until a later run. From the one commit on, what is sent is
encrypted for the new room. A crash anywhere leaves a row from which the next run goes on.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import Parties, parties_of
from appointments.errors import NotInCareTeamError
from bots.assistant import moved_notice
from bots.consult import ROOM_VERSION, speaking_levels, tombstone
from bridge.clock import Now
from bridge.e2ee.sessions import end_current
from bridge.errors import ConversationNotFoundError, ServiceError
from bridge.matrix.client import MatrixClient
from bridge.messages.outbox import Outbox
from bridge.rooms.arrivals import note_invitation
from bridge.rooms.conversations import Conversations
from bridge.rooms.former_rooms import CONVERSATION_ID, current_room, rooms_of
from bridge.rooms.moving_in import MovingIn, NotInvitedError
from bridge.rooms.room_making import RoomMaking
from bridge.rooms.room_state import content_of, membership_in, set_contents
from bridge.settings import Settings
from bridge.storage.conversations import conversations, room_upgrades
from bridge.storage.database import Database
from bridge.storage.statements import insert_once
from bridge.storage.upgrade_statements import (
    A_MESSAGE,
    INVITE_AGAIN,
    LAST_ENCRYPTED,
    LAST_NUMBER,
    MOVE,
    OPENED,
    ROOM_OF_NONCE,
    UNFINISHED,
)

_ONE = select(conversations).where(
    conversations.c.room_id == CONVERSATION_ID, conversations.c.opened_at.is_not(None)
)


class NotUpgradedError(ServiceError):
    """The conversation can't be moved now; the message says why."""


class RoomVersionUnusableError(ServiceError):
    """The homeserver doesn't know this room version, or it lacks what a consult room needs."""


class Upgrading:
    """Moves conversations, beside the running bridge too."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        outbox: Outbox,
        conversations: Conversations,
        settings: Settings,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._outbox = outbox
        self._conversations = conversations
        self._rooms = RoomMaking(database=database, matrix=matrix, settings=settings)
        self._moving_in = MovingIn(database=database, matrix=matrix, settings=settings, now=now)
        self._keeper = settings.keeper_id
        self._now = now

    async def all(self) -> Sequence[str]:
        """The ids of all conversations that were opened, the oldest first."""
        async with self._database.read() as connection:
            return (await connection.scalars(OPENED)).all()

    async def version(self, wanted: str | None) -> str:
        """This room version, or else the homeserver's default. Raises RoomVersionUnusableError."""
        known = await self._matrix.room_versions(user_id=self._keeper)
        version = wanted or known.default
        if version not in known.available:
            raise RoomVersionUnusableError(
                f"the homeserver knows no room version {version}; it knows {', '.join(known.available)}"
            )
        # In older ones the keeper, which is in no list of levels, would have no power.
        if version.isdecimal() and int(version) < int(ROOM_VERSION):
            raise RoomVersionUnusableError(f"a consult room needs room version {ROOM_VERSION} or a later one")
        return version

    async def upgrade(
        self, conversation_id: str, *, version: str, waits_for_people: bool, refusing: Collection[str] = ()
    ) -> str | None:
        """Move it into a room of this version: the room's id; None when it was in one already.

        An upgrade that was interrupted is finished first. `waits_for_people`: not before everybody who takes part
        has joined, for an invitation shows nothing of what was written before. Nor while somebody takes part who
        is `refusing` invitations. Raises ConversationNotFoundError, NotUpgradedError, NotInvitedError,
        NotInCareTeamError, MatrixError, HomeserverUnreachableError; to be run again then.
        """
        is_finished = await self._finish(await self._row(conversation_id), refusing, is_new=False)
        number = await self._last_number(await self._row(conversation_id))  # before what is judged by it
        row = await self._row(conversation_id)
        if await self._version_of(current_room(row)) == version:
            return current_room(row) if is_finished else None
        await self._check(row, refusing, waits_for_people=waits_for_people)
        is_new = await self._begin(row, version, number=number + 1)
        await self._finish(row, refusing, is_new=is_new)
        return current_room(await self._row(conversation_id))

    async def _row(self, conversation_id: str) -> Row[Any]:
        async with self._database.read() as connection:
            row = (await connection.execute(_ONE, {"room_id": conversation_id})).first()
        if row is None:
            raise ConversationNotFoundError
        return row

    async def _last_number(self, row: Row[Any]) -> int:
        async with self._database.read() as connection:
            return int(await connection.scalar(LAST_NUMBER, {"conversation": row.room_id}) or 0)

    async def _version_of(self, room_id: str) -> str:
        create = await self._matrix.state_event(
            user_id=self._keeper, room_id=room_id, event_type="m.room.create", state_key=""
        )
        return str((create or {}).get("room_version", "1"))

    async def _check(self, row: Row[Any], refusing: Collection[str], *, waits_for_people: bool) -> None:
        async with self._database.read() as connection:
            parties = await self._parties(connection, row)
            has_messages = (await connection.scalar(A_MESSAGE, {"conversation": row.room_id})) is not None
        if not parties.is_open:
            raise NotUpgradedError("care has ended, and nobody is brought into a new room then")
        if parties.members & set(refusing):
            raise NotInvitedError(sorted(parties.members & set(refusing)))
        if waits_for_people and has_messages:
            room = await content_of(self._matrix, keeper=self._keeper, room_id=current_room(row))
            absent = [one for one in sorted(parties.members) if membership_in(room, one) != "join"]
            if absent:
                raise NotUpgradedError(f"{', '.join(absent)} has to accept the invitation to its room first")

    async def _parties(self, connection: AsyncConnection, row: Row[Any]) -> Parties:
        return await parties_of(
            connection, patient=row.patient, professional=row.professional, now=self._now()
        )

    async def _begin(self, row: Row[Any], version: str, *, number: int) -> bool:
        """Whether we noted it; another process may have."""
        async with self._database.write() as connection:
            return await insert_once(
                connection,
                room_upgrades,
                conversation_id=row.room_id,
                number=number,
                nonce=uuid.uuid4().hex,
                room_version=version,
                begun_at=self._now(),
            )

    async def _finish(self, row: Row[Any], refusing: Collection[str], *, is_new: bool) -> bool:
        """Go on with the upgrade that was begun; False when there is none."""
        async with self._database.read() as connection:
            step = (await connection.execute(UNFINISHED, {"conversation": row.room_id})).first()
        if step is None:
            return False
        room_id = step.room_id or await self._make(row, step, is_new=is_new)
        async with self._database.read() as connection:
            former = next(one for one in await rooms_of(connection, row.room_id) if one != room_id)
        if step.moved_at is None:
            await self._moving_in.prepare(row, room_id, refusing=refusing)
            await self._move(row, step, room_id, former)
        await self._moving_in.note_early(row, room_id)
        await self._conversations.reconcile_due(patient=row.patient, professional=row.professional)
        await self._send_waiting(row, former)
        await self._close(former, room_id)
        async with self._database.write() as connection:
            await self._note(connection, step, closed_at=self._now())
        return True

    async def _make(self, row: Row[Any], step: Row[Any], *, is_new: bool) -> str:
        made = None if is_new else await self._rooms.left_by_a_crash(step.nonce)
        made = made or await self._rooms.create_successor(
            row, nonce=step.nonce, version=step.room_version, former=current_room(row)
        )
        async with self._database.write() as connection:
            await self._note(connection, step, room_id=made)
            chosen = await connection.scalar(ROOM_OF_NONCE, {"one": step.nonce})
        if chosen != made:  # another process was faster; nobody ever saw our room
            await self._matrix.leave(user_id=self._keeper, room_id=made)
        return str(chosen)

    async def _move(self, row: Row[Any], step: Row[Any], room_id: str, former: str) -> None:
        now = self._now()
        async with self._database.write() as connection:
            if not await self._note(connection, step, moved_at=now):
                return
            await connection.execute(MOVE, {"one": row.id, "target": room_id, "instant": now})
            # Whoever encrypts for the old room this moment has committed that before us, or finds no session.
            were_there = (await connection.scalars(INVITE_AGAIN, {"conversation": row.room_id})).all()
            for user_id in were_there:
                await end_current(connection, user_id=user_id, room_id=former)
            parties = await self._parties(connection, row)
            for person in parties.members - set(were_there):
                await note_invitation(connection, row.room_id, person)

    async def _note(self, connection: AsyncConnection, step: Row[Any], **values: Any) -> bool:
        """Note what is done; False when that was noted before."""
        (name,) = values
        noted = await connection.execute(
            update(room_upgrades)
            .where(room_upgrades.c.nonce == step.nonce, room_upgrades.c[name].is_(None))
            .values(values)
        )
        return noted.rowcount == 1

    async def _send_waiting(self, row: Row[Any], former: str) -> None:
        """What was encrypted for the room before still goes out there. Raises NotUpgradedError if it can't now."""
        last = await self._last_for(row, former)
        if last is None:
            return
        try:
            await self._outbox.deliver(send_id=last, room_id=row.room_id)
        except (ServiceError, NotInCareTeamError) as error:
            if await self._last_for(row, former) is not None:
                raise NotUpgradedError("a message that waits has to leave for the old room first") from error

    async def _last_for(self, row: Row[Any], target: str) -> str | None:
        async with self._database.read() as connection:
            waiting = {"conversation": row.room_id, "target": target}
            last: str | None = await connection.scalar(LAST_ENCRYPTED, waiting)
        return last

    async def _close(self, room_id: str, replacement: str) -> None:
        """Say where the conversation goes on, and let nobody write here any more."""
        content = await content_of(self._matrix, keeper=self._keeper, room_id=room_id)
        wanted = {
            "m.room.tombstone": tombstone(replacement=replacement, body=moved_notice()),
            "m.room.power_levels": speaking_levels(content["m.room.power_levels", ""], is_open=False),
        }
        await set_contents(self._matrix, keeper=self._keeper, room_id=room_id, content=content, wanted=wanted)
