"""bridge/notifications/ledger.py: each announcement once, never early, by whichever process is alive."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appointments.sealing import Sealer
from bridge.database import Database
from bridge.notifications import ledger
from bridge.notifications.ledger import LEASE, Claimed, Delivery
from bridge.storage.deliveries import deliveries
from bridge.storage.facts import facts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(b"s" * 32)


def delivery(number: int = 1, **changes: Any) -> Delivery:
    """An e-mail to Lucía about a conversation."""
    given: dict[str, Any] = {
        "id": f"message:{number}",
        "person": "@portal_lucia:portal",
        "channel": "email",
        "kind": "message",
        "subject": "!room",
        "due_at": NOW,
        "data": {"address": "lucia@example.org"},
    }
    return Delivery(**(given | changes))


async def enqueue(database: Database, *given: Delivery) -> list[bool]:
    """Take these in."""
    async with database.write() as connection:
        return [await ledger.enqueue(connection, one, sealer=SEALER) for one in given]


async def claim(database: Database, *, at: datetime = NOW, most: int = 10) -> list[Claimed]:
    """What a process gets."""
    async with database.write() as connection:
        return list(await ledger.claim(connection, channel="email", sealer=SEALER, most=most, now=at))


async def states(database: Database) -> list[str]:
    """The states of all rows, by id."""
    async with database.read() as connection:
        rows = await connection.execute(deliveries.select().order_by(deliveries.c.id))
        return [row.state for row in rows]


async def test_an_announcement_is_taken_in_once(database: Database) -> None:
    """Whatever became of it; its data comes back, and isn't readable in the database."""
    assert await enqueue(database, delivery(), delivery()) == [True, False]
    (claimed,) = await claim(database)
    assert claimed.data == {"address": "lucia@example.org"}
    async with database.write() as connection:
        await ledger.finish(connection, claimed, now=NOW)
    assert await enqueue(database, delivery()) == [False]
    async with database.read() as connection:
        (row,) = await connection.execute(deliveries.select())
    assert b"lucia" not in row.sealed
    assert (row.state, row.done_at) == ("sent", NOW)


async def test_nothing_is_claimed_early_or_twice(database: Database) -> None:
    """The longest due first; what one process has, another does not get."""
    await enqueue(
        database,
        delivery(1, due_at=NOW + timedelta(microseconds=1)),
        delivery(2),
        delivery(3, due_at=NOW - timedelta(hours=1)),
    )
    assert {one.id for one in await claim(database)} == {"message:2", "message:3"}
    assert await claim(database) == []
    assert [one.id for one in await claim(database, at=NOW + timedelta(seconds=1))] == ["message:1"]


async def test_a_lease_ends(database: Database) -> None:
    """What a dead process had is due again; should it live after all, it can't finish what is another's now."""
    await enqueue(database, delivery())
    (first,) = await claim(database)
    assert await claim(database, at=NOW + LEASE - timedelta(seconds=1)) == []
    (second,) = await claim(database, at=NOW + LEASE)
    assert (first.attempts, second.attempts) == (1, 2)
    async with database.write() as connection:
        await ledger.finish(connection, first, now=NOW + LEASE)
    assert await states(database) == ["pending"]
    async with database.write() as connection:
        await ledger.finish(connection, second, now=NOW + LEASE)
    assert await states(database) == ["sent"]


@pytest.mark.parametrize(
    ("kind", "tries", "hours"),
    [("appointment.moved", 10, 3), ("appointment.reminder", 10, 3), ("message", 34, 27)],
)
async def test_pauses_grow_until_it_is_given_up(
    database: Database, kind: str, tries: int, hours: int
) -> None:
    """Then the clinic has a fact, without address or words: soon of appointments, whom it may telephone.

    What waits to be read waits: a mail server that is down overnight loses none of it.
    """
    await enqueue(database, delivery(kind=kind))
    at, pauses = NOW, []
    for _ in range(tries):
        (claimed,) = await claim(database, at=at)
        async with database.write() as connection:
            state = await ledger.fail(connection, claimed, final=False, now=at)
        async with database.read() as connection:
            due_at = (await connection.execute(deliveries.select())).one().due_at
        pauses.append((due_at - at).total_seconds())
        at = max(at, due_at)
    assert pauses[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert set(pauses[9:-1]) <= {3600}
    assert sum(pauses[:-1]) // 3600 == hours
    assert state == "given_up"
    assert await claim(database, at=at + timedelta(days=1)) == []
    async with database.read() as connection:
        (fact,) = await connection.execute(facts.select())
    assert (fact.kind, fact.data) == ("delivery.given_up", {"channel": "email", "kind": kind})


async def test_what_can_never_arrive_is_given_up_at_once(database: Database) -> None:
    """There is no second try at an address that does not exist."""
    await enqueue(database, delivery())
    (claimed,) = await claim(database)
    async with database.write() as connection:
        assert await ledger.fail(connection, claimed, final=True, now=NOW) == "given_up"


async def test_cancelling_takes_what_is_open(database: Database) -> None:
    """Of the subject, and of the kinds and person where given; what is done stays done."""
    await enqueue(
        database,
        delivery(1),
        delivery(2, kind="reminder"),
        delivery(3, person="@garcia:hospital"),
        delivery(4, subject="!other"),
    )

    async def cancel(**which: Any) -> int:
        async with database.write() as connection:
            return await ledger.cancel(connection, now=NOW, **which)

    assert await cancel(subject="!room", kinds=["reminder"]) == 1
    assert await cancel(subject="!room", person="@garcia:hospital") == 1
    assert await cancel(subject="!room") == 1
    assert await cancel(subject="!room") == 0
    assert [one.id for one in await claim(database)] == ["message:4"]


async def test_a_cancelled_one_is_not_brought_back(database: Database) -> None:
    """Not by the process that was at it either."""
    await enqueue(database, delivery())
    (claimed,) = await claim(database)
    async with database.write() as connection:
        await ledger.cancel(connection, subject="!room", now=NOW)
        await ledger.fail(connection, claimed, final=False, now=NOW)
        assert await ledger.fail(connection, claimed, final=True, now=NOW) == "cancelled"
    assert await states(database) == ["cancelled"]
    async with database.read() as connection:
        assert not (await connection.execute(facts.select())).all()  # and nobody is alerted


async def test_processes_share_the_work(database: Database) -> None:
    """Claims side by side never overlap, and together they take everything."""
    await enqueue(database, *(delivery(number) for number in range(300)))
    taken = await asyncio.gather(*(claim(database, most=25) for _ in range(14)))
    ids = [one.id for some in taken for one in some]
    assert len(ids) == len(set(ids)) == 300


async def test_what_is_long_done_is_forgotten(database: Database) -> None:
    """After 30 days; what is open stays."""
    await enqueue(database, delivery(1), delivery(2))
    (claimed,) = await claim(database, most=1)
    async with database.write() as connection:
        await ledger.finish(connection, claimed, now=NOW)
        assert await ledger.prune(connection, now=NOW + timedelta(days=29)) == 0
        assert await ledger.prune(connection, now=NOW + timedelta(days=30)) == 1
    assert await states(database) == ["pending"]


@pytest.mark.faults
async def test_ten_thousand_are_claimed_in_ten_seconds(database: Database) -> None:
    """By one process, in the batches that it works with."""
    await enqueue(database, *(delivery(number) for number in range(10_000)))
    started = asyncio.get_running_loop().time()
    total = 0
    while some := await claim(database, most=50):
        total += len(some)
    assert total == 10_000
    assert asyncio.get_running_loop().time() - started < 10
