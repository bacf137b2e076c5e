"""A room whose messages go to other servers."""

import pytest

from appointments.care import CareRelationship
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.states.delivery.sender import Ward


@pytest.fixture
async def ward(clinic: Clinic) -> Ward:
    """The room, in which Garcia is invited."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return Ward(clinic, await clinic.main.conversations.open(care))
