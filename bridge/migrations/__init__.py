"""The database's schema, step by step (Alembic)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from asyncpg import PostgresError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import DatabaseUnusableError
from bridge.storage.database import make_engine


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[AsyncConnection]:
    """One connection, outside of any transaction. Raises DatabaseUnusableError."""
    engine = make_engine(url)
    try:
        connection = await engine.connect()
    except (DBAPIError, PostgresError, OSError) as error:
        # Of SQLAlchemy's own words some name its documentation.
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnusableError(
            f"{str(reason) or type(reason).__name__}; is it running, and is `database` in the settings right?"
        ) from error
    try:
        yield connection
    finally:
        await connection.close()
        await engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; harmless when it is there. Must not run inside an event loop.

    Raises DatabaseUnusableError.
    """
    asyncio.run(upgrade_database(url))


async def upgrade_database(url: str) -> None:
    """Bring the database to the newest schema; harmless when it is there. Raises DatabaseUnusableError."""

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with _connected(url) as connection:
        try:
            await connection.run_sync(run)
        except CommandError as error:
            raise DatabaseUnusableError(
                "its schema is of a newer version of Videoconsulta: use that one"
            ) from error
        await connection.commit()


async def is_current(url: str) -> bool:
    """Whether the database has the newest schema. Raises DatabaseUnusableError."""

    def revisions(connection: Connection) -> set[str]:
        return set(MigrationContext.configure(connection).get_current_heads())

    async with _connected(url) as connection:
        current = await connection.run_sync(revisions)
    return current == set(ScriptDirectory.from_config(_config()).get_heads())
