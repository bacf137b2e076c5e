"""Whoever comes into a room is given keys a moment later, `encryption.introduction_s` (ADR 2).

    invited: no keys ──▶ in: new since now ──▶ a moment later: all that was encrypted for her ──▶ new no more

A client asks for the devices of a room's people once it is in the room. A message whose key it has before it has
the answer it refuses for good in strict mode; one whose key comes last it opens when the key is there.
"""

import logging
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.retries import where
from bridge.rooms.former_rooms import place_of, rooms_of
from bridge.storage.conversations import room_members
from bridge.storage.database import Database

log = logging.getLogger(__name__)

_c = room_members.c
_NEW = select(_c.user_id).where(
    _c.room_id == bindparam("room"),
    _c.user_id.in_(bindparam("users", expanding=True)),
    or_(_c.membership == "invite", _c.new_since > bindparam("before")),
)
_DUE = select(_c.room_id, _c.user_id, _c.new_since).where(_c.new_since <= bindparam("before"))
_NEW_NO_MORE = (
    update(room_members)
    .where(
        _c.room_id == bindparam("room"), _c.user_id == bindparam("user"), _c.new_since == bindparam("since")
    )
    .values(new_since=None)
)


class Newcomers:
    """Who is to have no keys yet: who is invited, or came in less than `introduction_s` ago; nobody if that is 0."""

    def __init__(self, *, introduction_s: float, now: Now) -> None:
        self._introduction = timedelta(seconds=introduction_s)
        self._now = now

    async def __call__(self, connection: AsyncConnection, room_id: str, users: Collection[str]) -> set[str]:
        """Those of these users who are new in this room."""
        if not self._introduction or not users:
            return set()
        place = await place_of(connection, room_id)
        # Of a room that was left behind too: she may accept an old invitation before she was ever in any of them.
        known_by = room_id if place is None else place.conversation_id
        values = {"room": known_by, "users": list(users), "before": self._now() - self._introduction}
        return set(await connection.scalars(_NEW, values))


class Introductions:
    """Gives newcomers their keys, when it is time."""

    def __init__(
        self, *, database: Database, encryption: Encryption, introduction_s: float, now: Now
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._introduction = timedelta(seconds=introduction_s)
        self._now = now

    async def introduce(self) -> None:
        """Everybody whose moment has passed. Noted last: after a crash in between she is given them again."""
        before = self._now() - self._introduction
        async with self._database.read() as connection:
            due = (await connection.execute(_DUE, {"before": before})).all()
        for newcomer in due:
            try:
                await self._give_keys(newcomer.room_id, newcomer.user_id)
            except (MatrixError, HomeserverUnreachableError) as error:
                log.warning("a newcomer's keys wait: %s", where(error))
                continue
            values = {"room": newcomer.room_id, "user": newcomer.user_id, "since": newcomer.new_since}
            async with self._database.write() as connection:
                await connection.execute(_NEW_NO_MORE, values)

    async def _give_keys(self, conversation_id: str, user_id: str) -> None:
        """Those of the rooms before too: she may have come into the last of them a moment ago."""
        async with self._database.read() as connection:
            rooms = await rooms_of(connection, conversation_id)
        for room_id in rooms:
            await self._encryption.share_history(room_id, user_id)
