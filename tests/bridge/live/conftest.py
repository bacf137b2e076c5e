"""A ward in which nothing was said."""

import pytest

from bridge.storage.database import Database
from tests.bridge.live.ward import JUAN, LUCIA, OTHER_ROOM, ROOM, Ward


@pytest.fixture
async def ward(database: Database) -> Ward:
    """Both conversations, in which nothing was said."""
    made = Ward(database)
    await made.open(ROOM, LUCIA)
    await made.open(OTHER_ROOM, JUAN)
    return made
