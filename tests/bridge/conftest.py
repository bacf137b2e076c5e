"""The clinic, on each kind of database."""

import pytest

from bridge.database import Database
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic
from tests.bridge.reminding.reminders import Reminders


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """Lucia and Juan are managed users with a device each; Garcia, of the hospital, cares for both."""
    made = Clinic(database)
    for patient in (LUCIA, JUAN):
        await made.manage(patient)
        await made.start_care(patient, GARCIA)
    made.key_server.calls.clear()
    return made


@pytest.fixture
async def reminders(clinic: Clinic) -> Reminders:
    """Monday morning; people who hear of their appointments."""
    made = Reminders(clinic)
    await made.open()
    return made
