"""Statements that SQLite and PostgreSQL spell the same way but SQLAlchemy does not.

Each is built once for its table and columns: building costs more than running.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_once(connection: AsyncConnection, table: Table, **values: Any) -> bool:
    """Insert a row unless one of its unique keys is taken; whether it was inserted."""
    statement = _insert_once(connection.dialect.name, table)
    return (await connection.execute(statement, values)).rowcount == 1


async def insert_new(connection: AsyncConnection, table: Table, **values: Any) -> Row[Any] | None:
    """The row as inserted; None when one of its unique keys is taken."""
    statement = _insert_new(connection.dialect.name, table)
    inserted: Row[Any] | None = (await connection.execute(statement, values)).first()
    return inserted


async def insert_each_once(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert these rows, without those of which a unique key is taken."""
    if rows:
        await connection.execute(_insert_once(connection.dialect.name, table), rows)


async def upsert(
    connection: AsyncConnection, table: Table, *, key: dict[str, Any], values: dict[str, Any]
) -> None:
    """Insert a row, or give the row with this key these values."""
    statement = _upsert(connection.dialect.name, table, tuple(key), tuple(values))
    await connection.execute(statement, {**key, **values})


def _insert(dialect: str, table: Table) -> Any:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def _insert_once(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return _insert_once(dialect, table).returning(table)


@cache
def _upsert(dialect: str, table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=key, set_={name: statement.excluded[name] for name in names}
    )
