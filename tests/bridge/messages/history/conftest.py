"""A room to talk in."""

import pytest

from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.history.talking import open_room
from tests.bridge.messages.history.watch import Watch


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The room of the patient Lucia and of Juan, who is her nurse here; both are managed."""
    await clinic.start_care(LUCIA, JUAN)
    return await open_room(clinic, JUAN)


@pytest.fixture
def watch(clinic: Clinic, room: str, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """From the first message on."""
    assert room
    clinic.homeserver.calls.clear()
    made, encryption = Watch(clinic.homeserver.calls), clinic.main.encryption
    monkeypatch.setattr(encryption, "decrypt", made.over(encryption.decrypt))
    return made
