"""bridge/readiness.py: ready means that work can be done."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import DBAPIError

from bridge.readiness import database_works
from bridge.storage.database import Database

_READ_ONLY = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


async def test_a_database_that_can_be_written(database: Database) -> None:
    """Again and again."""
    works = database_works(database, now=lambda: NOW)
    assert await works()
    assert await works()


async def test_a_database_that_only_answers(database: Database) -> None:
    """It is not enough that it can be read."""
    refuse = "PRAGMA query_only = ON" if database.is_sqlite else _READ_ONLY
    async with database.write() as connection:
        await connection.exec_driver_sql(refuse)
    with pytest.raises(DBAPIError):
        await database_works(database, now=lambda: NOW)()
