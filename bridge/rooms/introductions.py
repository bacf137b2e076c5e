"""Whoever comes into a room is given keys a moment later, `encryption.introduction_s` (ADR 2).

    not in: no keys ──▶ in: new since now ──▶ a moment later: new no more, COMMIT ──▶ all that was encrypted for her

A client asks for the devices of a room's people once it is in the room. A message whose key it has before it has
the answer it refuses for good in strict mode; one whose key comes last it opens when the key is there.

That she lacks keys is committed together with that she is new no more: whoever shared a session without her before
looks again, and what can't be given now `Encryption.heal` gives.

First the keeper sends an event that is no message. What was sent while her homeserver joined stands beside her join
in the room's history, and goes to the servers that were in the room before: to hers it does not. An event after both
names them as what came before it, and her homeserver fetches what it lacks (server-server API, "Retrieving missing
events").
"""

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.retries import where
from bridge.rooms.former_rooms import place_of, rooms_of
from bridge.storage.conversations import room_members
from bridge.storage.database import Database

log = logging.getLogger(__name__)

_AT_ONCE = 8
_PATIENCE_S = 5.0
"""A server that hangs keeps those behind it for no longer."""

_NO_MESSAGE = "org.matrix.dummy_event"
"""What Synapse itself sends to join the ends of a room's history; clients show nothing of it."""

_c = room_members.c
_IS_IN = _c.membership == "join"
_SETTLED = select(_c.user_id).where(
    _c.room_id == bindparam("room"),
    _c.user_id.in_(bindparam("users", expanding=True)),
    _IS_IN,
    _c.new_since.is_(None),
)
_DUE = select(_c.room_id, _c.user_id, _c.new_since).where(_IS_IN, _c.new_since <= bindparam("before"))
_NEW_NO_MORE = (
    update(room_members)
    .where(
        _c.room_id == bindparam("room"),
        _c.user_id == bindparam("user"),
        _IS_IN,
        _c.new_since == bindparam("since"),
    )
    .values(new_since=None)
)


class Newcomers:
    """Who is to have no keys yet: who is not in the room, or was not introduced; nobody if `introduction_s` is 0."""

    def __init__(self, *, introduction_s: float) -> None:
        self._introduces = introduction_s > 0

    async def __call__(self, connection: AsyncConnection, room_id: str, users: Collection[str]) -> set[str]:
        """Those of these users who are new in this room."""
        if not self._introduces or not users:
            return set()
        place = await place_of(connection, room_id)
        # Of a room that was left behind too: she may accept an old invitation before she was ever in any of them.
        known_by = room_id if place is None else place.conversation_id
        settled = await connection.scalars(_SETTLED, {"room": known_by, "users": list(users)})
        return set(users) - set(settled)


class Introductions:
    """Gives newcomers what they lack, when it is time: what was sent while they came in, and keys."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        keeper_id: str,
        introduction_s: float,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._encryption = encryption
        self._keeper_id = keeper_id
        self._introduction = timedelta(seconds=introduction_s)
        self._now = now

    async def introduce(self) -> None:
        """Everybody in a room whose moment has passed, a few at once."""
        before = self._now() - self._introduction
        async with self._database.read() as connection:
            due = (await connection.execute(_DUE, {"before": before})).all()
        at_once = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._introduce(newcomer, at_once) for newcomer in due))

    async def _introduce(self, newcomer: Row[*tuple[Any, ...]], at_once: asyncio.Semaphore) -> None:
        async with at_once:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._name_what_she_missed(newcomer)
            except (HomeserverUnreachableError, TimeoutError) as error:
                log.warning("a newcomer waits for the next round: %s", where(error))
                return
            rooms = await self._owe_keys(newcomer)
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    for room_id in rooms:
                        await self._encryption.give_history(room_id, newcomer.user_id)
            except (MatrixError, HomeserverUnreachableError, TimeoutError) as error:
                log.warning("a newcomer's keys wait: %s", where(error))

    async def _name_what_she_missed(self, newcomer: Row[*tuple[Any, ...]]) -> None:
        async with self._database.read() as connection:
            place = await place_of(connection, newcomer.room_id)
            if place is None:  # a chat with the assistant, who writes when she is in
                return
            current, *_ = await rooms_of(connection, newcomer.room_id)
        try:
            await self._matrix.send_event(
                user_id=self._keeper_id,
                device_id=None,
                room_id=current,
                event_type=_NO_MESSAGE,
                txn_id=f"introduction:{newcomer.user_id}:{newcomer.new_since.timestamp()}",
                content={},
            )
        except MatrixError as error:
            log.warning("a newcomer may miss what came with her: %s", where(error))

    async def _owe_keys(self, newcomer: Row[*tuple[Any, ...]]) -> list[str]:
        """The rooms whose keys she lacks: those before too, for she may have come into the last a moment ago.

        None for who left meanwhile, or was introduced by another process.
        """
        values = {"room": newcomer.room_id, "user": newcomer.user_id, "since": newcomer.new_since}
        async with self._database.write() as connection:
            if not (await connection.execute(_NEW_NO_MORE, values)).rowcount:
                return []
            rooms = await rooms_of(connection, newcomer.room_id)
            for room_id in rooms:
                await self._encryption.owe_history(connection, room_id, newcomer.user_id)
            return rooms
