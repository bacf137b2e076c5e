"""bridge/live/placing.py: what happened has one place, whoever commits first, for a day."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bridge.live import placing
from tests.bridge.live.ward import LUCIA, NOW, Ward


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_slower_transaction_is_not_skipped(ward: Ward) -> None:
    """The one that drew its number first commits last: the reader who has seen the other still gets it."""
    slow_has_its_number, may_commit = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with ward.database.write() as connection:
            await ward.say_in(connection, "slow")
            slow_has_its_number.set()
            await may_commit.wait()

    task = asyncio.create_task(slow())
    await slow_has_its_number.wait()
    await ward.say("fast")
    (seen,), place = await ward.read(LUCIA, 0)
    assert seen.data["message_id"] == "$fast"
    may_commit.set()
    await task
    for after in (place, int(seen.id)):
        assert await ward.told(LUCIA, after) == ["$slow"]


async def test_many_writers_and_readers_at_once(ward: Ward) -> None:
    """Four processes place while others write: every reader gets each event once, in one order."""
    over = asyncio.Event()

    async def write(number: int) -> None:
        for count in range(15):
            async with ward.database.write() as connection:
                await ward.say_in(connection, f"{number}-{count}")
                await asyncio.sleep(0.001 * ((number + count) % 3))

    async def follow() -> list[str]:
        streams, place, told = ward.process(), 0, []
        while True:
            is_over = over.is_set()
            await streams.notifier.current()
            events, place, _ = await streams.read(LUCIA, after=place, with_bodies=False)
            told += [event.data["message_id"] for event in events]
            if is_over and not events:
                return told
            await asyncio.sleep(0)

    followers = [asyncio.create_task(follow()) for _ in range(4)]
    await asyncio.gather(*(write(number) for number in range(4)))
    over.set()
    told = await asyncio.gather(*followers)
    assert len(told[0]) == 60
    assert all(one == told[0] for one in told)
    assert set(told[0]) == {f"${number}-{count}" for number in range(4) for count in range(15)}


async def test_a_day_is_kept(ward: Ward) -> None:
    """After 24 hours an old cursor is reset, to now; places are never given twice."""
    await ward.say("1")
    await ward.say("2")
    (first, second), _ = await ward.read(LUCIA, 0)
    await prune_at(ward, NOW + timedelta(hours=23, minutes=59))
    assert not (await ward.streams.start(first.id)).is_reset
    await prune_at(ward, NOW + timedelta(hours=24))
    # She who has seen everything has missed nothing.
    assert not (await ward.streams.start(str(await ward.notifier.current()))).is_reset
    start = await ward.streams.start(first.id)
    assert start.is_reset
    await ward.say("3")
    (third,), _ = await ward.read(LUCIA, start.place)
    assert int(third.id) > int(second.id)


async def prune_at(ward: Ward, now: datetime) -> None:
    """What the job does then."""
    async with ward.database.write() as connection:
        await placing.prune(connection, now=now)
