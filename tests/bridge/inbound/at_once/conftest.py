"""Two conversations of a professional."""

import pytest

from appointments.care import CareRelationship
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The consult room of Lucia and Garcia."""
    return await clinic.main.conversations.open(CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None))


@pytest.fixture
async def other_room(clinic: Clinic) -> str:
    """That of Juan and Garcia."""
    return await clinic.main.conversations.open(CareRelationship(JUAN, GARCIA, "gp", clinic.clock(), None))
