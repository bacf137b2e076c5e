"""The database's schema, step by step (Alembic)."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bridge.database import make_engine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; harmless when it is there. Must not run inside an event loop."""
    asyncio.run(upgrade_database(url))


async def upgrade_database(url: str) -> None:
    """Bring the database to the newest schema; harmless when it is there."""

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def is_current(url: str) -> bool:
    """Whether the database has the newest schema."""

    def revisions(connection: Connection) -> set[str]:
        return set(MigrationContext.configure(connection).get_current_heads())

    engine = make_engine(url)
    async with engine.connect() as connection:
        current = await connection.run_sync(revisions)
    await engine.dispose()
    return current == set(ScriptDirectory.from_config(_config()).get_heads())
