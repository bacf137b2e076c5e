"""García in her chat with the assistant."""

import pytest

from tests.bridge.clinic import GARCIA, Clinic
from tests.bridge.visitor import Visitor


@pytest.fixture
async def garcia(clinic: Clinic) -> Visitor:
    """The professional, who has been invited to her chat."""
    visitor = Visitor(clinic, GARCIA)
    await visitor.log_in()
    await clinic.main.direct_chats.complete()
    return visitor


@pytest.fixture
async def room(garcia: Visitor) -> str:
    """Her chat, which she has joined."""
    return await garcia.join()
