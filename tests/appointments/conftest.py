"""A diary on each kind of database."""

import pytest

from bridge.storage.database import Database
from tests.appointments.diary import Diary, open_diary


@pytest.fixture
async def diary(database: Database) -> Diary:
    """García works as usual and cares for María, Pedro and Ana."""
    return await open_diary(database)
