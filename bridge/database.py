"""One database, SQLite or PostgreSQL: opened and closed by the composition root, used in short transactions.

On SQLite the process has one writer at a time (a lock here, `BEGIN IMMEDIATE` there, 30 s of patience for
other processes), and a commit is on the disk before it returns (`synchronous=FULL`): the ratchet of a sent
message must survive a power cut, or its index would be used twice.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_SQLITE_BUSY_S = 30


class Database:
    """`url` is SQLAlchemy's: `sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://…`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None
        self._writer: AbstractAsyncContextManager[Any] = nullcontext()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite (else PostgreSQL)."""
        return self._url.startswith("sqlite")

    async def open(self) -> None:
        """Make the engine. Connections are opened on first use."""
        if self.is_sqlite:
            self._writer = asyncio.Lock()
            self._engine = create_async_engine(self._url, connect_args={"timeout": _SQLITE_BUSY_S})
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
        else:
            self._engine = create_async_engine(self._url, pool_pre_ping=True)

    async def close(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A connection for reading; what it sees is consistent."""
        async with self._opened().connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with self._writer, self._opened().connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            await connection.commit()

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions on its own: read() and write() say which kind they want.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
