"""What people are to be told: one row for each announcement, person and channel.

    enqueue ──▶ pending, failed ──(bridge/deliveries/claims.py)──▶ sent, given_up or cancelled
                       └──cancel──▶ cancelled

A row's id is made of what it announces, so announcing twice is harmless.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.storage.deliveries import IS_OPEN, deliveries
from bridge.storage.statements import insert_once

Channel = Literal["email", "push", "chat"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

KEPT = timedelta(days=30)
"""How long the ledger remembers what is done."""

_c = deliveries.c
_ONE = select(deliveries).where(_c.id == bindparam("one"))
_OPEN_ONE = _ONE.where(IS_OPEN)


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
    return [Delivery(**told(row, sealer)) for row in rows]


async def forget(connection: AsyncConnection, delivery: Delivery) -> None:
    """As if it was never taken in, unless somebody has begun to tell it: it can be entered anew."""
    one = delete(deliveries).where(_c.id == delivery.id, IS_OPEN, _c.claim.is_(None))
    await connection.execute(one)


async def find(connection: AsyncConnection, delivery_id: str, *, sealer: Sealer) -> Delivery | None:
    """The delivery, whether it was told or not, as long as it is remembered."""
    row = (await connection.execute(_ONE, {"one": delivery_id})).first()
    return None if row is None else Delivery(**told(row, sealer))


async def find_open(connection: AsyncConnection, delivery_id: str, *, sealer: Sealer) -> Delivery | None:
    """The delivery, while it is still to be told."""
    row = (await connection.execute(_OPEN_ONE, {"one": delivery_id})).first()
    return None if row is None else Delivery(**told(row, sealer))


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget what was done 30 days ago; how many that were."""
    return (await connection.execute(delete(deliveries).where(_c.done_at <= now - KEPT))).rowcount


def told(row: Row[Any], sealer: Sealer) -> dict[str, Any]:
    """What a row says: the fields of a Delivery."""
    data = json.loads(sealer.open(row.sealed, context=_context(row.id)))
    names = ("id", "person", "channel", "kind", "subject", "due_at")
    return {**{name: getattr(row, name) for name in names}, "data": data}


def _context(delivery_id: str) -> str:
    return f"deliveries:{delivery_id}"
