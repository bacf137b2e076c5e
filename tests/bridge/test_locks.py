"""bridge/locks.py: one at a time for each thing."""

import asyncio
import gc

import pytest

from bridge.locks import KeyedLocks, NotMyTurnError


async def test_one_at_a_time_for_each_key() -> None:
    """In the order in which they asked; who works on something else does not wait."""
    locks = KeyedLocks()
    log: list[str] = []

    async def work(key: str, name: str) -> None:
        async with locks[key]:
            log.append(f"{name} begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            log.append(f"{name} ends")

    await asyncio.gather(work("room", "a"), work("room", "b"), work("other", "c"))
    in_room = [line for line in log if line[0] in "ab"]
    assert in_room == ["a begins", "a ends", "b begins", "b ends"]
    assert log.index("c begins") < log.index("a ends")


async def test_a_failure_opens_the_lock() -> None:
    """The next one gets in."""
    locks = KeyedLocks()
    with pytest.raises(ZeroDivisionError):
        async with locks["room"]:
            1 // 0  # noqa: B018
    async with asyncio.timeout(1), locks["room"]:
        pass


async def test_locks_that_nobody_holds_are_forgotten() -> None:
    """Memory does not grow with the rooms that were ever worked on."""
    locks = KeyedLocks()
    for number in range(100):
        async with locks[number]:
            assert len(locks._locks) == 1
    gc.collect()
    assert len(locks._locks) == 0


async def test_who_has_only_so_long_does_not_get_in_later() -> None:
    """She hears that it isn't her turn, and the next one gets in when it is free."""
    locks = KeyedLocks()
    async with asyncio.timeout(10):
        async with locks["room"]:
            with pytest.raises(NotMyTurnError):
                async with locks.within(0.01, "room"):
                    pytest.fail("it was not free")
            next_one = asyncio.create_task(_works(locks))
            await asyncio.sleep(0)
        assert await next_one
        assert not locks["room"].locked()


async def test_a_failure_opens_a_lock_taken_in_time() -> None:
    """Its own time-outs are its own."""
    locks = KeyedLocks()
    with pytest.raises(TimeoutError):
        async with locks.within(10, "room"):
            raise TimeoutError
    assert not locks["room"].locked()


async def _works(locks: KeyedLocks) -> bool:
    async with locks.within(10, "room"):
        return True
