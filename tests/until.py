"""Waiting for what nothing tells of."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Until it holds. Raises TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 the condition is on what others do
            await asyncio.sleep(0.002)
