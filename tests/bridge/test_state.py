"""bridge/storage/state.py: values that several processes move."""

import asyncio

from bridge.storage.database import Database
from bridge.storage.state import get_state, move_state


async def test_one_of_two_moves_it(database: Database) -> None:
    """Whoever saw the same place: the second one learns that it was too late, and nothing goes back."""

    async def move(before: str | None, after: str) -> bool:
        async with database.write() as connection:
            moved = await move_state(connection, "cursor", before=before, after=after)
            await asyncio.sleep(0.05)  # the other one comes before this commits
            return moved

    assert sorted(await asyncio.gather(move(None, "1"), move(None, "2"))) == [False, True]
    async with database.read() as connection:
        first = await get_state(connection, "cursor")
    assert sorted(await asyncio.gather(move(first, "7"), move(first, "8"))) == [False, True]
    assert not await move(first, "9")
    async with database.read() as connection:
        assert await get_state(connection, "cursor") in ("7", "8")
