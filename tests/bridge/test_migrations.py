"""The migrations build what the code expects."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

import bridge.storage.all_tables
from appointments.storage.schema import metadata
from bridge.database import make_engine
from bridge.migrations import is_current, upgrade_database

assert bridge.storage.all_tables


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    url = request.getfixturevalue("postgres").get_uri("postgres")
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    yield url


async def test_migrations_and_tables_agree(empty_url: str) -> None:
    """An upgraded database has every table, column and index of the metadata, and no other."""
    await upgrade_database(empty_url)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = make_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_an_upgrade_may_be_repeated(empty_url: str) -> None:
    """The second upgrade changes nothing; before the first the schema is not current."""
    assert not await is_current(empty_url)
    await upgrade_database(empty_url)
    assert await is_current(empty_url)
    await upgrade_database(empty_url)
    assert await is_current(empty_url)
