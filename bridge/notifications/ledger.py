"""What people are to be told: one row for each announcement, person and channel.

    enqueue ──▶ pending ──(claim)──▶ sent
                   │  ▲                ├▶ failed ──(later, claim)──▶ …  ──▶ given_up, and the clinic is alerted
                 cancel └─ the lease ends: its process died             └▶ cancelled: nobody wants it any more

A row's id is made of what it announces, so announcing twice is harmless. A claim is a lease: `due_at` moves past its
end, so a row whose process dies is due again. Any number of processes claim side by side.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.facts import Fact, append
from bridge.storage.deliveries import IS_OPEN, deliveries
from bridge.storage.statements import insert_once

Channel = Literal["email", "push", "chat"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
State = Literal["pending", "failed", "sent", "given_up", "cancelled"]

LEASE = timedelta(minutes=5)
"""How long a process may take for what it claimed before another takes over: more than one send takes."""

KEPT = timedelta(days=30)
"""How long the ledger remembers what is done."""

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
_ONE = select(deliveries).where(_c.id == bindparam("one"))
_OPEN_ONE = _ONE.where(IS_OPEN)
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
class Delivery:
    """Something to tell one person over one channel.

    `id` is made of what is announced, to whom and how. `subject` is the conversation or appointment it is about:
    what can be cancelled together. `data` is sealed in the database.
    """

    id: str
    person: str
    channel: Channel
    kind: str
    subject: str
    due_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


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


async def enqueue(connection: AsyncConnection, delivery: Delivery, *, sealer: Sealer) -> bool:
    """Take it in, to be told once it is due; False when it was there already, in whatever state."""
    sealed = sealer.seal(json.dumps(dict(delivery.data)).encode(), context=_context(delivery.id))
    return await insert_once(
        connection,
        deliveries,
        id=delivery.id,
        person=delivery.person,
        channel=delivery.channel,
        kind=delivery.kind,
        subject=delivery.subject,
        sealed=sealed,
        state="pending",
        due_at=delivery.due_at,
        attempts=0,
    )


async def ended_untold(connection: AsyncConnection, delivery_id: str) -> bool:
    """Whether it was taken in and is over, and nobody was told. Nobody ends an open one in this transaction."""
    row = (await connection.execute(_ONE.with_for_update(), {"one": delivery_id})).first()
    return row is not None and row.state in ("given_up", "cancelled")


async def cancel(
    connection: AsyncConnection,
    *,
    subject: str,
    now: datetime,
    kinds: Sequence[str] | None = None,
    person: str | None = None,
) -> int:
    """Nobody is told any more what is still open about this subject; how many deliveries that were."""
    statement = update(deliveries).where(_c.subject == subject, IS_OPEN)
    if kinds is not None:
        statement = statement.where(_c.kind.in_(kinds))
    if person is not None:
        statement = statement.where(_c.person == person)
    return (await connection.execute(statement.values(state="cancelled", done_at=now, claim=None))).rowcount


async def find_waiting(
    connection: AsyncConnection, *, subject: str, kind: str, person: str, sealer: Sealer
) -> Sequence[Delivery]:
    """What of this kind is still to be told this person, and nobody is telling now."""
    query = select(deliveries).where(_c.subject == subject, _c.kind == kind, _c.person == person)
    rows = await connection.execute(query.where(IS_OPEN, _c.claim.is_(None)))
    return [Delivery(**_told(row, sealer)) for row in rows]


async def forget(connection: AsyncConnection, delivery: Delivery) -> None:
    """As if it was never taken in, unless somebody has begun to tell it: it can be entered anew."""
    one = delete(deliveries).where(_c.id == delivery.id, IS_OPEN, _c.claim.is_(None))
    await connection.execute(one)


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
    return [Claimed(**_told(row, sealer), lease=row.claim, attempts=row.attempts) for row in rows]


async def hold(connection: AsyncConnection, claimed: Claimed) -> bool:
    """Whether it is still ours; then nobody cancels it before the end of this transaction."""
    return (await connection.execute(_HELD, {"one": claimed.id, "lease": claimed.lease})).first() is not None


async def find(connection: AsyncConnection, delivery_id: str, *, sealer: Sealer) -> Delivery | None:
    """The delivery, whether it was told or not, as long as it is remembered."""
    row = (await connection.execute(_ONE, {"one": delivery_id})).first()
    return None if row is None else Delivery(**_told(row, sealer))


async def find_open(connection: AsyncConnection, delivery_id: str, *, sealer: Sealer) -> Delivery | None:
    """The delivery, while it is still to be told."""
    row = (await connection.execute(_OPEN_ONE, {"one": delivery_id})).first()
    return None if row is None else Delivery(**_told(row, sealer))


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
) -> State:
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


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget what was done 30 days ago; how many that were."""
    return (await connection.execute(delete(deliveries).where(_c.done_at <= now - KEPT))).rowcount


async def _end(connection: AsyncConnection, claimed: Claimed, outcome: State, now: datetime) -> bool:
    """Whether it was still ours to end."""
    ended = await connection.execute(
        _END, {"one": claimed.id, "lease": claimed.lease, "outcome": outcome, "at": now}
    )
    return bool(ended.rowcount)


def _told(row: Row[Any], sealer: Sealer) -> dict[str, Any]:
    data = json.loads(sealer.open(row.sealed, context=_context(row.id)))
    names = ("id", "person", "channel", "kind", "subject", "due_at")
    return {**{name: getattr(row, name) for name in names}, "data": data}


def _context(delivery_id: str) -> str:
    return f"deliveries:{delivery_id}"
