"""Storing, finding and pruning what a homeserver pushed; the table is in bridge/storage/inbox.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.inbound.items import EPHEMERAL, EVENT, TO_DEVICE, InboxItem, event_key
from bridge.matrix.json import JsonObject
from bridge.storage.catch_up import catch_up
from bridge.storage.e2ee import own_devices
from bridge.storage.inbox import inbox

KEPT_FOR = timedelta(days=7)
"""How long a processed item is remembered, so that the same thing pushed again is recognised."""

_STORED = (inbox.c.seq, inbox.c.dedupe_key)
_INSERT_ONCE = {
    "sqlite": sqlite.insert(inbox).on_conflict_do_nothing().returning(*_STORED),
    "postgresql": postgresql.insert(inbox).on_conflict_do_nothing().returning(*_STORED),
}
_KNOWN = select(inbox.c.dedupe_key).where(inbox.c.dedupe_key.in_(bindparam("keys", expanding=True)))
_ALL_WAITING = select(inbox.c.seq, inbox.c.kind, inbox.c.payload).where(inbox.c.processed_at.is_(None))
_WAITING = _ALL_WAITING.where(inbox.c.seq > bindparam("after")).order_by(inbox.c.seq).limit(bindparam("most"))
_WAITING_ONE = _ALL_WAITING.where(inbox.c.seq == bindparam("item"))


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item under the number that gives its place in the order."""

    seq: int
    kind: str
    payload: JsonObject

    @property
    def room_id(self) -> str | None:
        """The room in which it happened; None for what is about keys."""
        return self.payload["room_id"] if self.kind in {EVENT, EPHEMERAL} else None


@dataclass(frozen=True, slots=True)
class LeftItem:
    """A stored item of which only this much is held: what it says is read again when its turn comes."""

    seq: int
    kind: str
    room_id: str | None


async def store(connection: AsyncConnection, items: Sequence[InboxItem], *, at: datetime) -> list[StoredItem]:
    """Store the items, in their order: those that were not there before."""
    if not items:
        return []
    rows = [
        {"dedupe_key": item.dedupe_key, "kind": item.kind, "payload": item.payload, "received_at": at}
        for item in items
    ]
    statement = _INSERT_ONCE[connection.dialect.name]
    if (
        connection.dialect.name == "sqlite"
    ):  # where many at once save no round trip, and are a statement built anew
        stored = [stored for row in rows for stored in await connection.execute(statement, row)]
    else:
        stored = list(await connection.execute(statement, rows))
    by_key = {item.dedupe_key: item for item in items}
    return [
        StoredItem(seq=seq, kind=by_key[key].kind, payload=by_key[key].payload) for seq, key in sorted(stored)
    ]


async def known_events(connection: AsyncConnection, event_ids: Sequence[str]) -> frozenset[str]:
    """Those of these events that are stored, or were within the last `KEPT_FOR`."""
    ids = {event_key(event_id): event_id for event_id in event_ids}
    found = await connection.scalars(_KNOWN, {"keys": list(ids)})
    return frozenset(ids[key] for key in found)


async def waiting(connection: AsyncConnection, *, after: int = 0, most: int = 100) -> list[StoredItem]:
    """What is stored and not processed, in order: at most so many with numbers above `after`."""
    found = await connection.execute(_WAITING, {"after": after, "most": most})
    return [StoredItem(seq=seq, kind=kind, payload=payload) for seq, kind, payload in found]


async def read_waiting(connection: AsyncConnection, seq: int) -> StoredItem | None:
    """The item with this number; None when it is processed."""
    row = (await connection.execute(_WAITING_ONE, {"item": seq})).one_or_none()
    return None if row is None else StoredItem(*row)


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget items processed long ago: how many.

    A message to a device is kept longer where the homeserver may still hold it: until every device of ours
    has emptied its inbox there since (a catch-up does).
    """
    inboxes = own_devices.outerjoin(catch_up, catch_up.c.device_id == own_devices.c.device_id)
    emptied_everywhere = select(func.min(catch_up.c.emptied_at)).select_from(inboxes).scalar_subquery()
    never_emptied = select(own_devices.c.user_id).select_from(inboxes).where(catch_up.c.emptied_at.is_(None))
    old = inbox.c.processed_at < now - KEPT_FOR
    gone_there = or_(
        inbox.c.kind != TO_DEVICE,
        and_(~never_emptied.exists(), inbox.c.received_at < emptied_everywhere),
    )
    return (await connection.execute(delete(inbox).where(old, gone_there))).rowcount
