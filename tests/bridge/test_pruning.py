"""bridge/pruning.py: nothing is forgotten of which somebody has yet to be told."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridge.pruning import prune
from bridge.storage.database import Database
from bridge.storage.live_events import live_events
from tests.bridge.notifications.mail_world import World, mail_world


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía wants mails; nothing has happened yet."""
    async with mail_world(database, tmp_path) as made:
        yield made


async def prune_after(world: World, hours: float) -> int:
    """So long later the job runs: how many live events there are then."""
    world.now += timedelta(hours=hours)
    async with world.database.write() as connection:
        await prune(connection, now=world.now)
        return (await connection.execute(select(func.count()).select_from(live_events))).scalar_one()


async def test_old_news_is_told_before_it_is_forgotten(world: World) -> None:
    """A message that came while no scheduler ran is mailed, though it is older than a day by then."""
    await world.message(1, is_seen=False)
    assert await prune_after(world, 25) > 0
    await world.look()
    assert await world.after(0) == 1
    assert await prune_after(world, 0) == 0
