"""Telling what the ledger has (bridge/deliveries/ledger.py): whoever claims a row has it for a while.

    due ──claim──▶ ours ──▶ sent
     ▲              ├─────▶ cancelled: nobody wants it any more
     ├─ postpone ───┤
     ├─ failed ─────┴─────▶ given_up, after many tries, and the clinic is alerted
     └─ the lease ends: its process died

A claim is a lease: `due_at` moves past its end, so a row whose process dies is due again. Any number of processes
claim side by side.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.deliveries.ledger import Channel, Delivery, told
from bridge.facts import Fact, append
from bridge.storage.deliveries import IS_OPEN, deliveries

Outcome = Literal["sent", "failed", "given_up", "cancelled"]

LEASE = timedelta(minutes=5)
"""How long a process may take for what it claimed before another takes over: more than one send takes."""

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
# Three hours, then the clinic may telephone; a day more for a message, unread still: mail servers are down overnight.
_MOST_ATTEMPTS, _MOST_OF_A_MESSAGE = 10, 34

_c = deliveries.c
_DUE = (
    select(_c.id)
    .where(_c.channel == bindparam("by"), IS_OPEN, _c.due_at <= bindparam("now"))
    .order_by(_c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(deliveries)
    .where(_c.id.in_(_DUE.scalar_subquery()))
    .values(claim=bindparam("lease"), due_at=bindparam("until"), attempts=_c.attempts + 1)
    .returning(deliveries)
)
_HELD = (
    select(_c.id).where(_c.id == bindparam("one"), _c.claim == bindparam("lease"), IS_OPEN).with_for_update()
)
_MINE = update(deliveries).where(_c.id == bindparam("one"), _c.claim == bindparam("lease"), IS_OPEN)
_END = _MINE.values(state=bindparam("outcome"), done_at=bindparam("at"), claim=None)
_AGAIN = _MINE.values(due_at=bindparam("again_at"), claim=None)
# What was never tried takes its attempt back.
_LATER = _AGAIN.values(state="pending", attempts=_c.attempts - 1)
_FAILED = _AGAIN.values(state="failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Delivery):
    """A delivery that is ours until the lease ends. `attempts` counts the tries, this one too."""

    lease: str
    attempts: int

    @property
    def is_last_try(self) -> bool:
        """Whether it is given up if it can't be told now."""
        is_of_message = (self.channel, self.kind) == ("email", "message")
        return self.attempts >= (_MOST_OF_A_MESSAGE if is_of_message else _MOST_ATTEMPTS)


async def claim(
    connection: AsyncConnection, *, channel: Channel, sealer: Sealer, most: int, now: datetime
) -> Sequence[Claimed]:
    """What is due by this channel, the longest first, at most so many: ours for the lease. Nothing is early."""
    parameters = {
        "by": channel,
        "now": now,
        "most": most,
        "lease": uuid.uuid4().hex,
        "until": now + LEASE,
    }
    rows = (await connection.execute(_CLAIM, parameters)).all()
    return [Claimed(**told(row, sealer), lease=row.claim, attempts=row.attempts) for row in rows]


async def hold(connection: AsyncConnection, claimed: Claimed) -> bool:
    """Whether it is still ours; then nobody cancels it before the end of this transaction."""
    return (await connection.execute(_HELD, {"one": claimed.id, "lease": claimed.lease})).first() is not None


async def finish(connection: AsyncConnection, claimed: Claimed, *, now: datetime) -> None:
    """It was told."""
    await _end(connection, claimed, "sent", now)


async def drop(connection: AsyncConnection, claimed: Claimed, *, now: datetime) -> None:
    """Nobody needs to be told any more."""
    await _end(connection, claimed, "cancelled", now)


async def postpone(connection: AsyncConnection, claimed: Claimed, *, until: datetime) -> None:
    """Not now: it is due again at this instant. That was no attempt, however often."""
    await connection.execute(_LATER, {"one": claimed.id, "lease": claimed.lease, "again_at": until})


async def fail(
    connection: AsyncConnection,
    claimed: Claimed,
    *,
    final: bool,
    now: datetime,
    not_before: datetime | None = None,
) -> Outcome:
    """It could not be told: tried again after a growing pause, or given up, which is a fact for the clinic.

    `not_before`: when the other side takes it at the earliest.
    """
    if not final and not claimed.is_last_try:
        again_at = now + min(_FIRST_PAUSE * 2 ** (claimed.attempts - 1), _LONGEST_PAUSE)
        again_at = max(again_at, not_before or again_at)
        await connection.execute(_FAILED, {"one": claimed.id, "lease": claimed.lease, "again_at": again_at})
        return "failed"
    if not await _end(connection, claimed, "given_up", now):
        return "cancelled"  # or another process has it now: nobody is alerted
    given_up = Fact(
        id=f"delivery.given_up:{claimed.id}",
        kind="delivery.given_up",
        subject=claimed.subject,
        at=now,
        data={"channel": claimed.channel, "kind": claimed.kind},
    )
    await append(connection, given_up)
    return "given_up"


async def _end(connection: AsyncConnection, claimed: Claimed, outcome: Outcome, now: datetime) -> bool:
    """Whether it was still ours to end."""
    ended = await connection.execute(
        _END, {"one": claimed.id, "lease": claimed.lease, "outcome": outcome, "at": now}
    )
    return bool(ended.rowcount)
