"""Giving what happened its place in the order in which people are told.

A fact's own number is no cursor: on PostgreSQL it is drawn inside a transaction, and one that began later may commit
earlier, so a reader that has seen 5 would never see 4. Places are therefore given under a lock, to facts that are
committed (or are being so with their places), in transactions that follow one another: whoever has read up to a
place misses nothing before it.

What has to be announced is noted with the places (bridge/reminding/). Any process may place, as often as it likes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.live.kinds import Told, tell
from bridge.notices.notices import note_announced
from bridge.storage.database import Database
from bridge.storage.facts import facts
from bridge.storage.live_events import live_events
from bridge.storage.state import get_state, set_state
from bridge.storage.statements import insert_each_once

KEPT = timedelta(hours=24)

_AT_ONCE = 500
_LOCK = "SELECT pg_advisory_xact_lock(7093516)"
_FORGOTTEN = "live_events.forgotten"

_UNPLACED = select(facts).where(facts.c.placed_at.is_(None)).order_by(facts.c.seq).limit(_AT_ONCE)
_IS_UNPLACED = select(facts.c.seq).where(facts.c.placed_at.is_(None)).limit(1)
_SET_PLACED = update(facts).where(facts.c.seq == bindparam("fact")).values(placed_at=bindparam("instant"))
_LAST = select(func.max(live_events.c.place))


@dataclass(frozen=True, slots=True)
class Placed:
    """How many facts were placed, and the people who are told of them."""

    facts: int
    people: frozenset[str]


class Placing:
    """Places what is committed."""

    def __init__(self, *, database: Database, portal_server: str, now: Now) -> None:
        self._database = database
        self._portal_server = portal_server
        self._now = now

    async def place(self) -> None:
        """Everything that is committed now has its place afterwards."""
        async with self._database.read() as connection:
            if (await connection.execute(_IS_UNPLACED)).first() is None:
                return
        while (await self._place_some()).facts == _AT_ONCE:
            pass

    async def _place_some(self) -> Placed:
        async with self._database.write() as connection:
            return await self.place_within(connection)

    async def place_within(self, connection: AsyncConnection) -> Placed:
        """Place what is committed, and what this write transaction has appended, 500 facts at most.

        To be the last that it does: until its commit nobody else places, and who has the lock must not wait for
        what others have locked.
        """
        now = self._now()
        if connection.dialect.name != "sqlite":  # where a write transaction is the lock
            await connection.execute(text(_LOCK))
        rows = (await connection.execute(_UNPLACED)).all()
        told = await tell(connection, rows, portal_server=self._portal_server, now=now)
        await insert_each_once(connection, live_events, [_row(one, now) for one in told])
        await note_announced(connection, rows)
        if rows:
            await connection.execute(_SET_PLACED, [{"fact": row.seq, "instant": now} for row in rows])
        return Placed(len(rows), frozenset(one.person for one in told))


def _row(told: Told, placed_at: datetime) -> dict[str, Any]:
    return {
        "person": told.person,
        "about": told.about,
        "event": told.event,
        "data": told.data,
        "sender": told.sender,
        "at": told.at,
        "placed_at": placed_at,
    }


async def last_place(connection: AsyncConnection) -> int:
    """The last place that was given."""
    last = (await connection.execute(_LAST)).scalar_one()
    return last if last is not None else await forgotten_up_to(connection)


async def forgotten_up_to(connection: AsyncConnection) -> int:
    """The last place of which nothing is kept any more."""
    return int(await get_state(connection, _FORGOTTEN) or 0)


async def prune(connection: AsyncConnection, *, now: datetime, seen: int | None = None) -> None:
    """Forget what was placed 24 hours ago and earlier.

    `seen`: the place up to which everybody else who follows has seen it; nothing behind it is forgotten.
    """
    old = live_events.c.placed_at <= now - KEPT
    if seen is not None:
        old &= live_events.c.place <= seen
    last = (await connection.execute(_LAST.where(old))).scalar_one()
    if last is not None:
        await set_state(connection, _FORGOTTEN, str(last))
        await connection.execute(delete(live_events).where(old))
