"""bridge/storage/database.py and bridge/facts.py on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from bridge.facts import Fact, append
from bridge.storage.database import Database
from bridge.storage.facts import facts

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


async def count(database: Database) -> int:
    """How many facts there are."""
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(facts))).scalar_one()


async def test_a_fact_is_recorded_once(database: Database) -> None:
    """Appending the same fact again changes nothing and says so."""
    fact = Fact(id="care.started:1", kind="care.started", subject="1", at=AT, data={"role": "gp"})
    async with database.write() as connection:
        assert await append(connection, fact)
    async with database.write() as connection:
        assert not await append(connection, fact)
    assert await count(database) == 1


async def test_an_instant_comes_back_as_it_went(database: Database) -> None:
    """Times are aware and UTC on their way out as on their way in."""
    async with database.write() as connection:
        await append(connection, Fact(id="a", kind="k", subject="s", at=AT))
    async with database.read() as connection:
        assert (await connection.execute(select(facts.c.at))).scalar_one() == AT


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    """An exception in the block rolls the transaction back."""

    async def write_and_fail() -> None:
        async with database.write() as connection:
            await append(connection, Fact(id="a", kind="k", subject="s", at=AT))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await count(database) == 0


async def test_only_what_must_survive_a_power_cut_waits_for_the_disk(database: Database) -> None:
    """A commit waits for the disk unless it was said that it need not; what others write is not changed by that."""
    asked = text("PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit")
    waits, does_not = (2, 1) if database.is_sqlite else ("on", "off")
    if not database.is_sqlite:  # the tests' server waits for no disk: let this connection
        async with database.write() as connection:
            await connection.execute(text("SET synchronous_commit TO on"))
    for _ in range(2):
        for synced, expected in ((True, waits), (False, does_not)):
            async with database.write(synced=synced) as connection:
                assert (await connection.execute(asked)).scalar_one() == expected


async def test_what_did_not_wait_for_the_disk_is_there(database: Database) -> None:
    """Such a write is seen by whoever reads next, and rolled back when it fails."""
    async with database.write(synced=False) as connection:
        await append(connection, Fact(id="a", kind="k", subject="s", at=AT))

    async def write_and_fail() -> None:
        async with database.write(synced=False) as connection:
            await append(connection, Fact(id="b", kind="k", subject="s", at=AT))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await count(database) == 1


async def test_what_follows_one_another_goes_over_one_connection(database: Database) -> None:
    """SQLite's pages stay in memory between transactions of any kind; what runs at the same time is kept apart."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL's connections share their memory")
    async with database.read() as first:
        pass
    async with database.write() as second:
        await append(second, Fact(id="a", kind="k", subject="s", at=AT))
        async with database.read() as beside:
            assert not (await beside.execute(select(facts.c.id))).all()
    async with database.write(synced=False) as third:
        pass
    assert first is second
    assert beside is not second
    assert third in (second, beside)


async def test_a_naive_time_is_refused(database: Database) -> None:
    """A datetime without a zone never reaches a row."""
    naive = AT.replace(tzinfo=None)
    with pytest.raises(Exception, match="naive datetime"):
        async with database.write() as connection:
            await append(connection, Fact(id="a", kind="k", subject="s", at=naive))
