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
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.module import MOST_EVENTS, Deliveries
from bridge.states.statuses import mark_delivered
from bridge.states.undelivered import Group, Message, UndeliveredGroups, messages_of
from bridge.storage.conversations import IS_UNDELIVERED, timeline
from bridge.storage.database import Database
from bridge.storage.delivery import delivery_servers
from bridge.storage.statements import insert_once

log = logging.getLogger(__name__)

# The question is the portal's own database's to answer, and cheap: a server that is back is soon seen to be.
_GROWTH, _LONGEST_PAUSE_S = 1.5, 10.0

_t, _servers = timeline.c, delivery_servers.c
_COUNT = select(func.count()).select_from(timeline).where(IS_UNDELIVERED)
_SETTLE = (
    update(timeline)
    .where(IS_UNDELIVERED, _t.room_id == bindparam("room"), _t.sender == bindparam("writer"))
    .values(delivered_at=bindparam("instant"))
)
_SERVERS = select(delivery_servers)
_IS_DUE = (_servers.server == bindparam("one"), _servers.ask_at <= bindparam("now"))
_DUE = select(_servers.questions).where(*_IS_DUE)
_CLAIM = (
    update(delivery_servers).where(*_IS_DUE).values(questions=bindparam("asked"), ask_at=bindparam("then"))
)
_NOTE = (
    update(delivery_servers)
    .where(_servers.server == bindparam("one"))
    .values(sent=bindparam("place"), questions=0, ask_at=bindparam("now"))
)


class Sender(Protocol):
    """Who knows how far other servers have taken what the portal's sent."""

    async def deliveries(self, *, server: str, event_ids: Sequence[str]) -> Deliveries:
        """See bridge/matrix/module.py."""


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
        self._groups = UndeliveredGroups(database=database, portal_server=portal_server, now=now)
        self._now = now
        self._asked_up_to: dict[str, int] = {}
        self._gauge = Gauge(
            "videoconsulta_undelivered_messages",
            "Messages that not every recipient's homeserver has yet.",
            registry=registry,
        )

    async def look(self) -> None:
        """Settle what can be settled now."""
        groups = await self._groups.read()
        await self._settle_at_home([group for group in groups if not group.arrivals])
        for server in sorted({server for group in groups for server in group.arrivals}):
            if self._sender is not None and await self._claim(server):
                concerned = [group for group in groups if server in group.arrivals]
                await self._ask(self._sender, server, concerned)
        async with self._database.read() as connection:
            self._gauge.set((await connection.execute(_COUNT)).scalar_one())

    async def _settle_at_home(self, groups: Iterable[Group]) -> None:
        """Nobody is told: the message itself was told with this status."""
        for group in groups:
            async with self._database.write() as connection:
                of_group = {"room": group.room_id, "writer": group.sender, "instant": self._now()}
                await connection.execute(_SETTLE, of_group)

    async def _claim(self, server: str) -> bool:
        """Whether it is time to ask about this server, and nobody else does."""
        now = self._now()
        async with self._database.write() as connection:
            await insert_once(connection, delivery_servers, server=server, sent=None, questions=0, ask_at=now)
            due = {"one": server, "now": now}
            questions = (await connection.execute(_DUE, due)).scalar_one_or_none()
            if questions is None:
                return False
            pause_s = min(_GROWTH ** min(questions, 10), _LONGEST_PAUSE_S)
            next_time = {"asked": questions + 1, "then": now + timedelta(seconds=pause_s)}
            return (await connection.execute(_CLAIM, due | next_time)).rowcount == 1

    async def _ask(self, sender: Sender, server: str, groups: Sequence[Group]) -> None:
        by_key = {(group.room_id, group.sender): group for group in groups}
        events = await self._next_of(server, by_key.keys())
        if not events:  # another process has settled them meanwhile
            return
        try:
            answer = await sender.deliveries(server=server, event_ids=[row.event_id for row in events])
        except (MatrixError, HomeserverUnreachableError) as error:
            log.warning("how far %s is can't be asked now: %s", server, type(error).__name__)
            return
        async with self._database.write() as connection:
            known = {row.server: row.sent for row in await connection.execute(_SERVERS)}
            has_moved = answer.sent is not None and answer.sent != known.get(server)
            known[server] = answer.sent
            for row in events:
                if _is_handed(row, by_key[row.room_id, row.sender], answer.events, known):
                    has_moved |= await mark_delivered(
                        connection, room_id=row.room_id, event_id=row.event_id, now=self._now()
                    )
            if has_moved:
                await self._note(connection, server, answer)

    async def _next_of(self, server: str, groups: Collection[tuple[str, str]]) -> Sequence[Message]:
        """Those undelivered messages of these groups that the next question to this server is about."""
        after = self._asked_up_to.get(server, 0)
        async with self._database.read() as connection:
            chosen = await messages_of(connection, groups, after=after, most=MOST_EVENTS)
            if not chosen and after:
                chosen = await messages_of(connection, groups, after=0, most=MOST_EVENTS)
        self._asked_up_to[server] = chosen[-1].seq if len(chosen) == MOST_EVENTS else 0
        return chosen

    async def _note(self, connection: AsyncConnection, server: str, answer: Deliveries) -> None:
        """Remember how far this server is, and ask again soon, since something moves."""
        await connection.execute(_NOTE, {"one": server, "place": answer.sent, "now": self._now()})


def _is_handed(row: Message, group: Group, places: Mapping[str, int], sent: Mapping[str, int | None]) -> bool:
    place = places.get(row.event_id)
    return all(
        (arrival is not None and row.seq < arrival)
        or (place is not None and (last := sent.get(server)) is not None and place <= last)
        for server, arrival in group.arrivals.items()
    )
