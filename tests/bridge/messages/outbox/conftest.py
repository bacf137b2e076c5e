"""A consult room to send into."""

import pytest

from tests.bridge.clinic import Clinic
from tests.bridge.messages.outbox.sending import open_room


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The consult room of Lucia and Garcia."""
    return await open_room(clinic)
