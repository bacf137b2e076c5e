"""bridge/deliveries/claims.py: never early, by whichever process is alive, until it is told or given up."""

import asyncio
from datetime import timedelta

import pytest

from bridge.deliveries import claims, ledger
from bridge.deliveries.claims import LEASE
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from bridge.storage.facts import facts
from tests.bridge.notifications.entries import NOW, claim, delivery, enqueue, states


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
        await claims.finish(connection, first, now=NOW + LEASE)
    assert await states(database) == ["pending"]
    async with database.write() as connection:
        await claims.finish(connection, second, now=NOW + LEASE)
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
            state = await claims.fail(connection, claimed, final=False, now=at)
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
        assert await claims.fail(connection, claimed, final=True, now=NOW) == "given_up"


async def test_a_cancelled_one_is_not_brought_back(database: Database) -> None:
    """Not by the process that was at it either."""
    await enqueue(database, delivery())
    (claimed,) = await claim(database)
    async with database.write() as connection:
        await ledger.cancel(connection, subject="!room", now=NOW)
        await claims.fail(connection, claimed, final=False, now=NOW)
        assert await claims.fail(connection, claimed, final=True, now=NOW) == "cancelled"
    assert await states(database) == ["cancelled"]
    async with database.read() as connection:
        assert not (await connection.execute(facts.select())).all()  # and nobody is alerted


async def test_processes_share_the_work(database: Database) -> None:
    """Claims side by side never overlap, and together they take everything."""
    await enqueue(database, *(delivery(number) for number in range(300)))
    taken = await asyncio.gather(*(claim(database, most=25) for _ in range(14)))
    ids = [one.id for some in taken for one in some]
    assert len(ids) == len(set(ids)) == 300
