"""bridge/deliveries/ledger.py: each announcement once."""

from datetime import timedelta
from typing import Any

from bridge.deliveries import claims, ledger
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from tests.bridge.notifications.entries import NOW, claim, delivery, enqueue, states


async def test_an_announcement_is_taken_in_once(database: Database) -> None:
    """Whatever became of it; its data comes back, and isn't readable in the database."""
    assert await enqueue(database, delivery(), delivery()) == [True, False]
    (claimed,) = await claim(database)
    assert claimed.data == {"address": "lucia@example.org"}
    async with database.write() as connection:
        await claims.finish(connection, claimed, now=NOW)
    assert await enqueue(database, delivery()) == [False]
    async with database.read() as connection:
        (row,) = await connection.execute(deliveries.select())
    assert b"lucia" not in row.sealed
    assert (row.state, row.done_at) == ("sent", NOW)


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


async def test_what_is_long_done_is_forgotten(database: Database) -> None:
    """After 30 days; what is open stays."""
    await enqueue(database, delivery(1), delivery(2))
    (claimed,) = await claim(database, most=1)
    async with database.write() as connection:
        await claims.finish(connection, claimed, now=NOW)
        assert await ledger.prune(connection, now=NOW + timedelta(days=29)) == 0
        assert await ledger.prune(connection, now=NOW + timedelta(days=30)) == 1
    assert await states(database) == ["pending"]
