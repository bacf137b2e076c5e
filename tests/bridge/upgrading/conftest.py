"""A conversation to move."""

import pytest

from tests.bridge.clinic import Clinic
from tests.bridge.upgrading.ward import opened


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """Lucía's with Garcia, who is in its room."""
    return await opened(clinic)
