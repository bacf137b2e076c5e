"""The clinic, on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.migrations import upgrade_database
from bridge.storage.database import Database, make_engine
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


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    url: str = request.getfixturevalue("postgres").get_uri("postgres")
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return url


@pytest.fixture
async def migrated(empty_url: str) -> AsyncIterator[tuple[str, Database]]:
    """An empty database as the command makes it, and where it is."""
    await upgrade_database(empty_url)
    database = Database(empty_url)
    await database.open()
    yield empty_url, database
    await database.close()
