"""bridge/inbound/inbox.py on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, update

from bridge.inbound.inbox import KEPT_FOR, StoredItem, prune, store, waiting
from bridge.inbound.items import InboxItem
from bridge.matrix.json import JsonObject
from bridge.storage.catch_up import catch_up
from bridge.storage.database import Database
from bridge.storage.e2ee import own_devices
from bridge.storage.inbox import mark_processed

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LATER = AT + KEPT_FOR + timedelta(seconds=1)


def items(*keys: str, kind: str = "event") -> list[InboxItem]:
    """Items with these keys."""
    return [InboxItem(kind=kind, dedupe_key=key, payload={"key": key}) for key in keys]


async def stored(database: Database, *keys: str, kind: str = "event") -> list[StoredItem]:
    """What was new of items with these keys."""
    async with database.write() as connection:
        return await store(connection, items(*keys, kind=kind), at=AT)


async def test_the_order_is_kept_and_repetitions_are_not_stored(database: Database) -> None:
    """Numbers rise in the order given; what was there, in this push or before, comes back as nothing."""
    first = await stored(database, "b", "a", "b")
    assert [item.payload["key"] for item in first] == ["b", "a"]
    second = await stored(database, "a", "c")
    assert [item.payload["key"] for item in second] == ["c"]
    assert first[0].seq < first[1].seq < second[0].seq
    assert await stored(database, "a") == []


async def test_what_is_not_processed_waits(database: Database) -> None:
    """Waiting items come back as they were stored, in order, until they are marked."""
    first, second = await stored(database, "a", "b")
    async with database.write() as connection:
        await mark_processed(connection, first.seq, at=AT)
    async with database.read() as connection:
        assert await waiting(connection) == [second]


async def test_what_waits_is_read_in_pages(database: Database) -> None:
    """Each goes on after the last number of the one before; none comes twice, none is missed."""
    many = await stored(database, *[f"key{number}" for number in range(5)])
    async with database.read() as connection:
        assert await waiting(connection, most=2) == many[:2]
        assert await waiting(connection, after=many[1].seq, most=2) == many[2:4]
        assert await waiting(connection, after=many[3].seq, most=2) == many[4:]
        assert await waiting(connection, after=many[4].seq) == []


async def test_many_items_keep_their_order(database: Database) -> None:
    """The largest push there is (hundreds of items) is stored whole and in order."""
    keys = [f"key{number}" for number in range(700)]
    assert [item.payload["key"] for item in await stored(database, *keys)] == keys


async def test_old_processed_items_are_pruned(database: Database) -> None:
    """Processed items go after a week; waiting ones never."""
    old, _waiting = await stored(database, "old", "waiting")
    async with database.write() as connection:
        await mark_processed(connection, old.seq, at=AT)
        assert await prune(connection, now=AT + KEPT_FOR) == 0
        assert await prune(connection, now=LATER) == 1


async def test_a_message_that_may_come_again_is_remembered(database: Database) -> None:
    """A to-device message stays known until every device has emptied its inbox at the homeserver since.

    Every device of ours: one that never did counts, one that is ours no more does not.
    """
    (message,) = await stored(database, "m", kind="to_device")
    devices = [
        {"user_id": user_id, "device_id": f"D{user_id}", "since": "s", "emptied_at": AT + timedelta(hours=1)}
        for user_id in ("@a:h", "@b:h")
    ]
    gone = {"user_id": "@a:h", "device_id": "GONE", "since": "s", "emptied_at": None}
    async with database.write() as connection:
        await connection.execute(insert(own_devices), [own_device(one["user_id"]) for one in devices])
        await mark_processed(connection, message.seq, at=AT)
        assert await prune(connection, now=LATER) == 0
        await connection.execute(insert(catch_up), [devices[0], gone])
        assert await prune(connection, now=LATER) == 0
        await connection.execute(insert(catch_up), devices[1:])
        before = AT - timedelta(hours=1)
        of_a = catch_up.c.device_id == "D@a:h"
        await connection.execute(update(catch_up).where(of_a).values(emptied_at=before))
        assert await prune(connection, now=LATER) == 0
        await connection.execute(update(catch_up).where(of_a).values(emptied_at=None))
        assert await prune(connection, now=LATER) == 0
        await connection.execute(update(catch_up).where(of_a).values(emptied_at=AT + timedelta(hours=1)))
        assert await prune(connection, now=LATER) == 1


def own_device(user_id: str) -> JsonObject:
    """The row of a device of ours."""
    text = dict.fromkeys(("user_id", "curve25519", "ed25519", "account"), user_id)
    return text | {
        "device_id": f"D{user_id}",
        "device_keys": {},
        "account_version": 1,
        "cross_signing_sealed": b"",
        "fallback_at": AT,
        "published_at": AT,
    }
