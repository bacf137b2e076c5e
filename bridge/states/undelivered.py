"""Messages that not every recipient's homeserver has yet, by their room and sender: what delivery.py settles.

Nobody bounds how many there are while a hospital is down. The newest groups are read at every look, those behind
them now and then, so a look stays cheap and nothing is left out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Row, Select, bindparam, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import speaking_for
from bots.consult import server_of
from bridge.clock import Now
from bridge.storage.conversations import IS_UNDELIVERED, conversations, room_members, timeline
from bridge.storage.database import Database

_NEWEST = 500
_AT_ONCE = 500
_OLDER_EVERY = timedelta(seconds=10)

_t = timeline.c
_MESSAGES = select(_t.event_id, _t.seq, _t.room_id, _t.sender).where(IS_UNDELIVERED)
_ARRIVED = select(room_members.c.room_id, room_members.c.user_id, room_members.c.joined_seq).where(
    room_members.c.room_id.in_(bindparam("rooms", expanding=True)), room_members.c.membership == "join"
)
_Item = TypeVar("_Item")

Message = Row[*tuple[Any, ...]]
"""`event_id`, `seq`, `room_id` and `sender` of one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Undelivered messages of one sender in one room; for each other server, where its first recipient came in."""

    room_id: str
    sender: str
    arrivals: Mapping[str, int | None]


class UndeliveredGroups:
    """Reads them; what lies behind the newest stays in memory in between."""

    def __init__(self, *, database: Database, portal_server: str, now: Now) -> None:
        self._database = database
        self._portal = portal_server
        self._now = now
        self._newest_first = self._statement()  # built once: it is asked every second
        self._newest = self._newest_first.limit(_NEWEST)
        self._older: Sequence[Group] = []
        self._older_at: datetime | None = None

    async def read(self) -> Sequence[Group]:
        """Those there are, without those that wait for somebody to join; the newest of two that are the same last.

        What needs no other server (no `arrivals`) is told once, and is to be settled then.
        """
        now = self._now()
        async with self._database.read() as connection:
            rows = (await connection.execute(self._newest)).all()
            newest = await self._groups(connection, rows)
            older = self._older if len(rows) == _NEWEST else []
            if len(rows) == _NEWEST and (self._older_at is None or now >= self._older_at + _OLDER_EVERY):
                behind = (await connection.execute(self._newest_first.offset(_NEWEST))).all()
                older, self._older_at = await self._groups(connection, behind), now
        self._older = [group for group in older if group.arrivals]
        return [*older, *newest]

    def _statement(self) -> Select[*tuple[Any, ...]]:
        at_portal = f":{self._portal}"
        somebody_elsewhere = (
            select(room_members.c.user_id)
            .where(
                room_members.c.room_id == _t.room_id,
                room_members.c.membership == "join",
                ~room_members.c.user_id.endswith(at_portal, autoescape=True),
            )
            .exists()
        )
        all_at_portal = conversations.c.professional.endswith(at_portal, autoescape=True)
        from_elsewhere = ~_t.sender.endswith(at_portal, autoescape=True)
        return (
            select(_t.room_id, _t.sender, conversations.c.patient, conversations.c.professional)
            .join(conversations, conversations.c.room_id == _t.room_id)
            .where(IS_UNDELIVERED, or_(somebody_elsewhere, all_at_portal, from_elsewhere))
            .group_by(_t.room_id, _t.sender, conversations.c.patient, conversations.c.professional)
            .order_by(func.max(_t.seq).desc())
        )

    async def _groups(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Group]:
        found: list[Group] = []
        for some in _in_parts(rows):
            speaking = await speaking_for(connection, {row.patient for row in some}, now=self._now())
            arrived = await _arrived(connection, {row.room_id for row in some})
            groups = (self._group(row, speaking[row.patient], arrived.get(row.room_id, {})) for row in some)
            found += [group for group in groups if group is not None]
        return found

    def _group(
        self, row: Row[Any], speaking: frozenset[str], arrived: Mapping[str, int | None]
    ) -> Group | None:
        """None while a server that has to have these messages is in the room with nobody."""
        recipients = {row.patient, row.professional, *speaking} - {row.sender}
        away = {one for one in recipients if server_of(one) != self._portal}
        if server_of(row.sender) != self._portal:
            away = set()
        there = {one: arrived[one] for one in away if one in arrived}
        if {server_of(one) for one in away} != {server_of(one) for one in there}:
            return None
        arrivals = {server_of(one): place for one, place in there.items()}
        return Group(row.room_id, row.sender, arrivals)


async def messages_of(
    connection: AsyncConnection, groups: Collection[tuple[str, str]], *, after: int, most: int
) -> Sequence[Message]:
    """The first undelivered messages of these groups (room and sender) behind this place, at most so many."""
    found: list[Message] = []
    for some in _in_parts(sorted(groups)):
        of_these = _MESSAGES.where(
            # SQLite uses no index for a condition on two columns alone.
            _t.room_id.in_(sorted({room_id for room_id, _ in some})),
            tuple_(_t.room_id, _t.sender).in_(some),
            # As a sum it has no index, so the one of all events, in which it stands too, is no better.
            _t.seq + 0 > after,
        )
        found += await connection.execute(of_these.order_by(_t.seq).limit(most))
    return sorted(found, key=lambda message: int(message.seq))[:most]


async def _arrived(connection: AsyncConnection, rooms: Iterable[str]) -> dict[str, dict[str, int | None]]:
    """For each room, where each of its members came in."""
    found: dict[str, dict[str, int | None]] = {}
    for row in await connection.execute(_ARRIVED, {"rooms": list(rooms)}):
        found.setdefault(row.room_id, {})[row.user_id] = row.joined_seq
    return found


def _in_parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """No database takes any number of parameters."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
