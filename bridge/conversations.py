"""Conversations: one consult room for each patient and professional, made once, found again ever after.

    permission ─▶ row with a nonce ─▶ createRoom ─▶ room id stored ─▶ managed people join ─▶ opened ─┐
                  (unique pair)       (nonce in      (unique)                                        │
                                       its content)                       invited ◀─ others invited ◀┘

createRoom is not idempotent. So the room is made with nobody in it; a crash before its id is stored leaves a room
that only the keeper saw, and which is recognised by its nonce afterwards. Invitations that the other server
doesn't take now (it is down, or asks for patience) wait; messages are accepted and encrypted meanwhile.
"""

import logging
import uuid
from typing import Any, Literal

from sqlalchemy import Row, bindparam, select, update

from appointments.care import CareRelationship
from appointments.errors import NotInCareTeamError
from appointments.services import require_care
from bots.consult import NONCE, consult_room
from bridge.clock import Now
from bridge.database import Database
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.facts import Fact, append
from bridge.locks import KeyedLocks
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.messages_model import ConversationSummary
from bridge.people import managed_among
from bridge.rooms import membership_of, set_membership
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from bridge.storage.statements import insert_once
from bridge.summaries import summaries_of

log = logging.getLogger(__name__)

_OF_PAIR = select(conversations).where(
    conversations.c.patient == bindparam("patient"), conversations.c.professional == bindparam("professional")
)
_OF_ROOM = select(conversations).where(conversations.c.room_id == bindparam("room_id"))


class Conversations:
    """Opens and finds consult rooms."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        settings: Settings,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._settings = settings
        self._now = now
        self._opening = KeyedLocks()

    async def of_room(self, *, room_id: str, member: str) -> Row[Any]:
        """The conversation in this room. Raises ConversationNotFoundError, also to those who are not in it."""
        async with self._database.read() as connection:
            row = (await connection.execute(_OF_ROOM, {"room_id": room_id})).first()
        if row is None or member not in (row.patient, row.professional):
            raise ConversationNotFoundError
        return row

    async def list(self, *, user_id: str) -> list[ConversationSummary]:
        """Every conversation of this person, the one with the newest message first."""
        async with self._database.read() as connection:
            return await summaries_of(connection, reader=user_id, now=self._now())

    async def open(self, care: CareRelationship) -> str:
        """The room of these two, made if there is none; two callers at once get the same one.

        The caller has checked that they are in a care relationship. Raises HomeserverUnavailableError.
        """
        pair = {"patient": care.patient, "professional": care.professional}
        row = await self._find(pair)
        if row is None or row.opened_at is None:
            try:
                row = await self._open(pair)
            except HomeserverUnreachableError as error:
                raise HomeserverUnavailableError from error
            except MatrixError as error:
                log.warning("a room can't be opened: %s %s", error.status, error.errcode)
                raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error
        return str(row.room_id)

    async def finish_opening(self) -> None:
        """Go on with every conversation that a crash left unopened, or whose invitations had to wait.

        Only while its people are in a care relationship: nobody is brought in afterwards.
        """
        async with self._database.read() as connection:
            query = select(conversations).where(conversations.c.invited_at.is_(None))
            unfinished = (await connection.execute(query)).all()
        for row in unfinished:
            try:
                async with self._database.read() as connection:
                    await require_care(connection, a=row.patient, b=row.professional, now=self._now())
                await self._open({"patient": row.patient, "professional": row.professional})
            except NotInCareTeamError:
                continue
            except (MatrixError, HomeserverUnreachableError) as error:
                log.warning("conversation %s can't be opened yet: %s", row.id, type(error).__name__)

    async def _find(self, pair: dict[str, str]) -> Row[Any] | None:
        async with self._database.read() as connection:
            return (await connection.execute(_OF_PAIR, pair)).first()

    async def _open(self, pair: dict[str, str]) -> Row[Any]:
        async with self._opening[tuple(pair.values())]:
            is_new = await self._record(pair)
            row = await self._existing(pair)
            if row.room_id is None:
                room_id = None if is_new else await self._left_by_a_crash(row.nonce)
                room_id = room_id or await self._create_room(row)
                await self._claim(row, room_id)
                row = await self._existing(pair)
                if row.room_id != room_id:  # another process was faster; nobody ever saw our room
                    await self._matrix.leave(user_id=self._settings.keeper_id, room_id=room_id)
            if row.invited_at is None:
                await self._bring_in(row)
            return row

    async def _existing(self, pair: dict[str, str]) -> Row[Any]:
        row = await self._find(pair)
        if row is None:
            raise ConversationNotFoundError
        return row

    async def _record(self, pair: dict[str, str]) -> bool:
        encryption = self._settings.encryption
        async with self._database.write() as connection:
            return await insert_once(
                connection,
                conversations,
                id=str(uuid.uuid4()),
                **pair,
                nonce=uuid.uuid4().hex,
                created_at=self._now(),
                rotation_period_msgs=encryption.rotation_period_msgs,
                rotation_period_ms=encryption.rotation_period_ms,
            )

    async def _create_room(self, row: Row[Any]) -> str:
        body = consult_room(
            nonce=row.nonce,
            keeper=self._settings.keeper_id,
            people=(row.patient, row.professional),
            rotation_period_msgs=row.rotation_period_msgs,
            rotation_period_ms=row.rotation_period_ms,
        )
        return await self._matrix.create_room(user_id=self._settings.keeper_id, body=body)

    async def _left_by_a_crash(self, nonce: str) -> str | None:
        """The room that was made for this conversation before its id could be stored, if it is whole."""
        keeper = self._settings.keeper_id
        async with self._database.read() as connection:
            known = set((await connection.execute(select(conversations.c.room_id))).scalars())
        for room_id in await self._matrix.joined_rooms(user_id=keeper):
            if room_id in known:
                continue
            events = await self._matrix.room_state(user_id=keeper, room_id=room_id)
            contents = {event["type"]: event["content"] for event in events}
            is_ours = contents.get("m.room.create", {}).get(NONCE) == nonce
            # The last state that createRoom sets: a room without it was left half made, and nobody saw it.
            if is_ours and "io.element.functional_members" in contents:
                return room_id
        return None

    async def _claim(self, row: Row[Any], room_id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == row.id, conversations.c.room_id.is_(None))
                .values(room_id=room_id)
            )

    async def _bring_in(self, row: Row[Any]) -> None:
        people = (row.patient, row.professional)
        async with self._database.read() as connection:
            managed = await managed_among(connection, people)
            members = await membership_of(connection, row.room_id, people)
        for person in managed:
            await self._join(row.room_id, person, members.get(person))
        await self._note(row, "opened")
        missing = [person for person in people if person not in managed and person not in members]
        if all([await self._invite(row.room_id, person) for person in missing]):
            await self._note(row, "invited")

    async def _join(self, room_id: str, person: str, membership: str | None) -> None:
        if membership == "join":
            return
        if membership is None:
            await self._invite_once(room_id, person)
        await self._matrix.join(user_id=person, room_id=room_id)
        await self._note_membership(room_id, person, "join")

    async def _invite(self, room_id: str, person: str) -> bool:
        """Whether the invitation was taken; False when it has to wait."""
        try:
            await self._invite_once(room_id, person)
        except HomeserverUnreachableError:
            return False
        except MatrixError as error:
            log.warning("an invitation to %s waits: %s %s", room_id, error.status, error.errcode)
            return False
        await self._note_membership(room_id, person, "invite")
        return True

    async def _invite_once(self, room_id: str, person: str) -> None:
        keeper = self._settings.keeper_id
        there = await self._matrix.state_event(
            user_id=keeper, room_id=room_id, event_type="m.room.member", state_key=person
        )
        if there is None or there.get("membership") not in ("invite", "join"):
            await self._matrix.invite(user_id=keeper, room_id=room_id, invitee=person)

    async def _note_membership(self, room_id: str, person: str, membership: str) -> None:
        async with self._database.write() as connection:
            await set_membership(connection, room_id, person, membership)

    async def _note(self, row: Row[Any], step: Literal["opened", "invited"]) -> None:
        now = self._now()
        column = conversations.c.opened_at if step == "opened" else conversations.c.invited_at
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == row.id, column.is_(None))
                .values({column: now})
            )
            kind = f"conversation.{step}"
            await append(connection, Fact(id=f"{kind}:{row.id}", kind=kind, subject=row.room_id, at=now))
