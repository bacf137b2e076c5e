"""Messages on their way to other homeservers: `delivered` once every recipient's has them.

    undelivered ──▶ all recipients at the portal ──────────────────────▶ delivered, at once
                └─▶ somebody elsewhere ──▶ the portal's sender is asked ─▶ delivered, with its fact
                                          (bridge/matrix/module.py)

Only what the portal sends can be followed: what another homeserver sends is delivered when the portal has it. A
server of which no recipient has joined yet has nothing; who joins is handed what was written before.

One question settles up to 200 messages of a server; the next is about those behind them, and from the oldest again
after the last, so that what can't be settled keeps nothing waiting. It is claimed in the database, so that several
processes don't ask it twice, and asked again after pauses that grow while nothing moves.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import speaking_for
from bots.consult import server_of
from bridge.clock import Now
from bridge.database import Database
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.module import MOST_EVENTS, Deliveries
from bridge.statuses import mark_delivered
from bridge.storage.conversations import IS_UNDELIVERED, conversations, room_members, timeline
from bridge.storage.delivery import delivery_servers
from bridge.storage.statements import insert_once

log = logging.getLogger(__name__)

# The question is the portal's own database's to answer, and cheap: a server that is back is soon seen to be.
_GROWTH, _LONGEST_PAUSE_S = 1.5, 10.0
_MOST_GROUPS = 500

_t, _servers = timeline.c, delivery_servers.c


class Sender(Protocol):
    """Who knows how far other servers have taken what the portal's sent."""

    async def deliveries(self, *, server: str, event_ids: Sequence[str]) -> Deliveries:
        """See bridge/matrix/module.py."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Undelivered messages of one sender in one room; for each other server, where its first recipient came in."""

    room_id: str
    sender: str
    arrivals: Mapping[str, int | None]


class Delivery:
    """Follows messages; shows how many wait as the metric `videoconsulta_undelivered_messages`."""

    def __init__(
        self,
        *,
        database: Database,
        sender: Sender | None,
        portal_server: str,
        registry: CollectorRegistry,
        now: Now,
    ) -> None:
        self._database = database
        self._sender = sender
        self._portal = portal_server
        self._now = now
        self._asked_up_to: dict[str, int] = {}
        self._gauge = Gauge(
            "videoconsulta_undelivered_messages",
            "Messages that not every recipient's homeserver has yet.",
            registry=registry,
        )

    async def look(self) -> None:
        """Settle what can be settled now."""
        async with self._database.read() as connection:
            groups = await self._groups(connection)
        await self._settle_at_home([group for group in groups if not group.arrivals])
        for server in sorted({server for group in groups for server in group.arrivals}):
            if self._sender is not None and await self._claim(server):
                concerned = [group for group in groups if server in group.arrivals]
                await self._ask(self._sender, server, concerned)
        async with self._database.read() as connection:
            waiting = await connection.execute(
                select(func.count()).select_from(timeline).where(IS_UNDELIVERED)
            )
            self._gauge.set(waiting.scalar_one())

    async def _groups(self, connection: AsyncConnection) -> list[_Group]:
        """The newest first; without those that wait for somebody to join."""
        rows = (await connection.execute(self._statement())).all()
        speaking = await speaking_for(connection, {row.patient for row in rows}, now=self._now())
        arrived = await _arrived(connection, {row.room_id for row in rows})
        groups = (self._group(row, speaking[row.patient], arrived.get(row.room_id, {})) for row in rows)
        return [group for group in groups if group is not None]

    def _statement(self) -> Any:
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
            .limit(_MOST_GROUPS)
        )

    def _group(
        self, row: Row[Any], speaking: frozenset[str], arrived: Mapping[str, int | None]
    ) -> _Group | None:
        """None while a server that has to have these messages is in the room with nobody."""
        recipients = {row.patient, row.professional, *speaking} - {row.sender}
        away = {one for one in recipients if server_of(one) != self._portal}
        if server_of(row.sender) != self._portal:
            away = set()
        there = {one: arrived[one] for one in away if one in arrived}
        if {server_of(one) for one in away} != {server_of(one) for one in there}:
            return None
        arrivals = {server_of(one): place for one, place in there.items()}
        return _Group(row.room_id, row.sender, arrivals)

    async def _settle_at_home(self, groups: Iterable[_Group]) -> None:
        """Nobody is told: the message itself was told with this status."""
        for group in groups:
            async with self._database.write() as connection:
                await connection.execute(
                    update(timeline)
                    .where(IS_UNDELIVERED, _t.room_id == group.room_id, _t.sender == group.sender)
                    .values(delivered_at=self._now())
                )

    async def _claim(self, server: str) -> bool:
        """Whether it is time to ask about this server, and nobody else does."""
        now = self._now()
        async with self._database.write() as connection:
            await insert_once(connection, delivery_servers, server=server, sent=None, questions=0, ask_at=now)
            due = await connection.execute(
                select(_servers.questions).where(_servers.server == server, _servers.ask_at <= now)
            )
            questions = due.scalar_one_or_none()
            if questions is None:
                return False
            pause_s = min(_GROWTH ** min(questions, 10), _LONGEST_PAUSE_S)
            claimed = await connection.execute(
                update(delivery_servers)
                .where(_servers.server == server, _servers.ask_at <= now)
                .values(questions=questions + 1, ask_at=now + timedelta(seconds=pause_s))
            )
            return claimed.rowcount == 1

    async def _ask(self, sender: Sender, server: str, groups: Sequence[_Group]) -> None:
        by_key = {(group.room_id, group.sender): group for group in groups}
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(_t.event_id, _t.seq, _t.room_id, _t.sender)
                .where(IS_UNDELIVERED, _t.room_id.in_({group.room_id for group in groups}))
                .order_by(_t.seq)
            )
            events = self._next_of(server, [row for row in rows if (row.room_id, row.sender) in by_key])
        if not events:  # another process has settled them meanwhile
            return
        try:
            answer = await sender.deliveries(server=server, event_ids=[row.event_id for row in events])
        except (MatrixError, HomeserverUnreachableError) as error:
            log.warning("how far %s is can't be asked now: %s", server, type(error).__name__)
            return
        async with self._database.write() as connection:
            known = {row.server: row.sent for row in await connection.execute(select(delivery_servers))}
            has_moved = answer.sent is not None and answer.sent != known.get(server)
            known[server] = answer.sent
            for row in events:
                if _is_handed(row, by_key[row.room_id, row.sender], answer.events, known):
                    has_moved |= await mark_delivered(
                        connection, room_id=row.room_id, event_id=row.event_id, now=self._now()
                    )
            if has_moved:
                await self._note(connection, server, answer)

    def _next_of(self, server: str, rows: Sequence[Row[*tuple[Any, ...]]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Those of these undelivered messages that the next question to this server is about."""
        behind = [row for row in rows if row.seq > self._asked_up_to.get(server, 0)]
        chosen = (behind or rows)[:MOST_EVENTS]
        is_last = not chosen or chosen[-1] is rows[-1]
        self._asked_up_to[server] = 0 if is_last else chosen[-1].seq
        return chosen

    async def _note(self, connection: AsyncConnection, server: str, answer: Deliveries) -> None:
        """Remember how far this server is, and ask again soon, since something moves."""
        await connection.execute(
            update(delivery_servers)
            .where(_servers.server == server)
            .values(sent=answer.sent, questions=0, ask_at=self._now())
        )


def _is_handed(
    row: Row[*tuple[Any, ...]], group: _Group, places: Mapping[str, int], sent: Mapping[str, int | None]
) -> bool:
    place = places.get(row.event_id)
    return all(
        (arrival is not None and row.seq < arrival)
        or (place is not None and (last := sent.get(server)) is not None and place <= last)
        for server, arrival in group.arrivals.items()
    )


async def _arrived(connection: AsyncConnection, rooms: Iterable[str]) -> dict[str, dict[str, int | None]]:
    """For each room, where each of its members came in."""
    query = select(room_members.c.room_id, room_members.c.user_id, room_members.c.joined_seq).where(
        room_members.c.room_id.in_(list(rooms)), room_members.c.membership == "join"
    )
    found: dict[str, dict[str, int | None]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.room_id, {})[row.user_id] = row.joined_seq
    return found
