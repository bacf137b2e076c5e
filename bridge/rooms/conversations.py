"""Conversations: one consult room for each patient and professional, made once, found again ever after.

    permission ─▶ row with a nonce ─▶ createRoom ─▶ room id stored ─▶ made what it should be (membership.py)
                  (unique pair)       (room_making   (unique)           managed people join ─▶ opened
                                       .py)                             others are invited  ─▶ invited

Invitations that the other server doesn't take now (it is down, or asks for patience) wait; messages are accepted and
encrypted meanwhile.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, select, update

from appointments.access import parties_of, require_party
from appointments.care import CareRelationship
from appointments.errors import NotAPartyError, NotInCareTeamError
from appointments.permissions import Action
from bridge.clock import Now
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.locks import KeyedLocks
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.transport import CALLERS_S
from bridge.messages_model import ConversationSummary
from bridge.rooms.former_rooms import CONVERSATION_ID, rooms_of
from bridge.rooms.membership import Membership
from bridge.rooms.room_making import RoomMaking
from bridge.rooms.summaries import summaries_of
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from bridge.storage.database import Database
from bridge.storage.reviews import due, is_due, settle
from bridge.storage.statements import insert_once

T = TypeVar("T")

log = logging.getLogger(__name__)

_CALLERS_PATIENCE_S = 2.0
"""What a caller waits for another homeserver to take an invitation; the job has more."""

_JOBS_PATIENCE_S = 30.0
_ROOMS_AT_ONCE = 8

_OF_PAIR = select(conversations).where(
    conversations.c.patient == bindparam("patient"), conversations.c.professional == bindparam("professional")
)
_OF_ROOM = select(conversations).where(conversations.c.room_id == CONVERSATION_ID)


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
        self._rooms = RoomMaking(database=database, matrix=matrix, settings=settings)
        self._membership = Membership(database=database, matrix=matrix, settings=settings, now=now)
        self._now = now
        self._opening = KeyedLocks()

    async def of_room(self, *, room_id: str, member: str, action: Action = "read") -> Row[Any]:
        """The conversation in this room, or once in it, in which `member` may do this now.

        Raises ConversationNotFoundError, also to those who have nothing to do with it, and NotInCareTeamError.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(_OF_ROOM, {"room_id": room_id})).first()
            if row is None:
                raise ConversationNotFoundError
            try:
                await require_party(
                    connection,
                    person=member,
                    patient=row.patient,
                    professional=row.professional,
                    action=action,
                    now=self._now(),
                )
            except NotAPartyError as error:
                raise ConversationNotFoundError from error
        return row

    async def rooms(self, row: Row[Any]) -> Sequence[str]:
        """The rooms of the conversation in this row, the one in which it goes on first."""
        if row.upgraded_to is None:
            return [str(row.room_id)]
        async with self._database.read() as connection:
            return await rooms_of(connection, row.room_id)

    async def list(self, *, user_id: str) -> list[ConversationSummary]:
        """Every conversation of this person, the one with the newest message first."""
        async with self._database.read() as connection:
            return await summaries_of(connection, reader=user_id, now=self._now())

    async def is_open(self, care: CareRelationship) -> bool:
        """Whether the room of these two is there already."""
        row = await self._find({"patient": care.patient, "professional": care.professional})
        return row is not None and row.opened_at is not None

    async def open(self, care: CareRelationship) -> str:
        """The id of these two's conversation, whose room is made if there is none; two callers get the same one.

        The caller has checked that they are in a care relationship. Raises NotInCareTeamError when it ended
        meanwhile, HomeserverUnavailableError.
        """
        pair = {"patient": care.patient, "professional": care.professional}
        row = await self._find(pair)
        if row is None or row.opened_at is None:
            row = await self._without_trouble(self._open(pair, patience_s=_CALLERS_PATIENCE_S))
        else:
            await self.make_current(row)
        if row.opened_at is None:  # care ended while the room was made
            raise NotInCareTeamError
        return str(row.room_id)

    async def make_current(self, row: Row[Any]) -> None:
        """What just changed in care is shown in the room before anybody uses it. Raises HomeserverUnavailableError.

        What only waits for another server is not waited for.
        """
        if is_due(row, self._now()) and not row.attempts:
            await self._without_trouble(self._reconcile(row, patience_s=_CALLERS_PATIENCE_S))

    async def reconcile_due(self, *, patient: str | None = None, professional: str | None = None) -> None:
        """Go on with every conversation that is due, of this patient and this professional where given.

        That is: care or a representation changed or its time came, a crash left it unopened, an invitation had
        to wait. One conversation's trouble is not another's; what fails stays due, and so does what takes
        longer than a caller waits, which is whoever names a patient.
        """
        async with self._database.read() as connection:
            rows = await due(connection, now=self._now(), patient=patient, professional=professional)
        is_job = patient is None and professional is None
        patience_s = _JOBS_PATIENCE_S if is_job else _CALLERS_PATIENCE_S
        at_once = asyncio.Semaphore(_ROOMS_AT_ONCE)
        doing = [self._try_to_reconcile(row, at_once, patience_s=patience_s) for row in rows]
        try:
            async with asyncio.timeout(None if is_job else CALLERS_S):
                await asyncio.gather(*doing)
        except TimeoutError:
            log.warning("rooms are not as they should be yet: the homeserver takes long")

    async def _try_to_reconcile(
        self, row: Row[Any], at_once: asyncio.Semaphore, *, patience_s: float
    ) -> None:
        try:
            async with at_once:
                if row.room_id is None:
                    await self._open_if_cared_for(row, patience_s=patience_s)
                else:
                    await self._reconcile(row, patience_s=patience_s)
        except (MatrixError, HomeserverUnreachableError) as error:
            log.warning("conversation %s is not as it should be yet: %s", row.id, type(error).__name__)

    async def _without_trouble(self, doing: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(CALLERS_S):
                return await doing
        except (HomeserverUnreachableError, TimeoutError) as error:
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            log.warning("a room can't be made ready: %s %s", error.status, error.errcode)
            raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error

    async def _open_if_cared_for(self, row: Row[Any], *, patience_s: float) -> None:
        pair = {"patient": row.patient, "professional": row.professional}
        async with self._database.write() as connection:
            parties = await parties_of(connection, **pair, now=self._now())
            if not parties.is_open:
                await settle(connection, row, applied=None, again_at=parties.until)
        if parties.is_open:
            await self._open(pair, patience_s=patience_s)

    async def _reconcile(self, row: Row[Any], *, patience_s: float) -> None:
        async with self._opening[row.patient, row.professional]:
            latest = await self._existing({"patient": row.patient, "professional": row.professional})
            if is_due(latest, self._now()):
                await self._membership.reconcile(latest, patience_s=patience_s)

    async def _find(self, pair: dict[str, str]) -> Row[Any] | None:
        async with self._database.read() as connection:
            return (await connection.execute(_OF_PAIR, pair)).first()

    async def _open(self, pair: dict[str, str], *, patience_s: float) -> Row[Any]:
        async with self._opening[tuple(pair.values())]:
            is_new = await self._record(pair)
            row = await self._existing(pair)
            if row.room_id is None:
                room_id = None if is_new else await self._rooms.left_by_a_crash(row.nonce)
                room_id = room_id or await self._rooms.create(row)
                await self._claim(row, room_id)
                row = await self._existing(pair)
                if row.room_id != room_id:  # another process was faster; nobody ever saw our room
                    await self._matrix.leave(user_id=self._settings.keeper_id, room_id=room_id)
            if row.opened_at is None:
                await self._membership.reconcile(row, patience_s=patience_s)
                row = await self._existing(pair)
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
                review_at=self._now(),
                rotation_period_msgs=encryption.rotation_period_msgs,
                rotation_period_ms=encryption.rotation_period_ms,
            )

    async def _claim(self, row: Row[Any], room_id: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == row.id, conversations.c.room_id.is_(None))
                .values(room_id=room_id)
            )
