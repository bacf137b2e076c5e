"""Two things at the same time, of which neither outlives the other's failure."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")


async def together(one: Coroutine[Any, Any, _A], other: Coroutine[Any, Any, _B]) -> tuple[_A, _B]:
    """What both give. Raises what the first to fail raises, once the other has ended too: it is cancelled.

    asyncio.gather would leave it running, with a connection to the database that nobody waits for.
    """
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        given, also_given = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return given, also_given
