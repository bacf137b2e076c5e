"""bridge/notifications/ending.py: what is under way gets less time, never more, and nothing once its time is over."""

import asyncio

import pytest

from bridge.notifications.ending import end_within


@pytest.mark.parametrize("limit_s", [None, 60.0])
async def test_it_ends_soon(limit_s: float | None) -> None:
    """Whether it had a limit or none."""

    async def work() -> None:
        async with asyncio.timeout(limit_s) as limit:
            end_within(limit, 0)
            await asyncio.sleep(30)

    with pytest.raises(TimeoutError):
        await work()


async def test_a_nearer_end_stays() -> None:
    """The end of the process is no reason for more patience."""
    async with asyncio.timeout(5) as limit:
        nearer = limit.when()
        end_within(limit, 60)
        await asyncio.sleep(0)
        assert limit.when() == nearer


async def test_what_is_ending_is_left_alone() -> None:
    """It may still give something back, a connection say, when the process is told to end."""

    async def work() -> None:
        async with asyncio.timeout(0) as limit:
            try:
                await asyncio.sleep(30)
            finally:
                end_within(limit, 1)

    with pytest.raises(TimeoutError):
        await work()
