"""One database, SQLite or PostgreSQL: opened and closed by the composition root, used in short transactions.

On SQLite the process has one writer at a time (a lock here, `BEGIN IMMEDIATE` there, 30 s of patience for
other processes). A commit is on the disk before it returns (`synchronous=FULL`): the ratchet of a sent message
must survive a power cut, or its index would be used twice. What may be lost to a power cut, never to a crash of
the process, is written with `synced=False` (`synchronous=NORMAL`, PostgreSQL's `synchronous_commit=off`): it is
on the disk with the next commit that is, since both databases write their log in order.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import NullPool, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.storage import sqlite
from bridge.storage.prepared import PreparedStatements

_SQLITE_PATIENCE_S = 30.0
_SQLITE_RETRY_S = 0.005
# 16 MiB: what is written again and again goes from the log to its place in the file once.
_SQLITE_LOG_PAGES = 4000
# Four processes together stay below PostgreSQL's default of 100.
_POSTGRESQL_CONNECTIONS = 20
_DO_NOT_WAIT_FOR_THE_DISK = text("SET LOCAL synchronous_commit TO off")


def make_engine(url: str) -> AsyncEngine:
    """The engine of `sqlite:///FILE` or `postgresql://…`; connections are opened on first use."""
    if not is_sqlite(url):
        driver = make_url(url).set(drivername="postgresql+asyncpg")
        return create_async_engine(driver, pool_size=_POSTGRESQL_CONNECTIONS, max_overflow=0)
    engine = create_async_engine(
        make_url(url).set(drivername=sqlite.DRIVER),
        connect_args={"timeout": 0, "factory": sqlite.Connection},
        poolclass=NullPool,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def is_sqlite(url: str) -> bool:
    """Whether this is SQLite (else PostgreSQL)."""
    return url.startswith("sqlite:")


class Database:
    """`url` is `sqlite:///FILE` or `postgresql://…`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None
        self._writer: AbstractAsyncContextManager[Any] = nullcontext()
        # Taking a connection from SQLAlchemy's pool costs more than our statements do on SQLite.
        self._idle: list[sqlite.InlineConnection] = []

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite (else PostgreSQL)."""
        return is_sqlite(self._url)

    async def open(self) -> None:
        """Make the engine. Connections are opened on first use."""
        self._engine = make_engine(self._url)
        self._prepared = PreparedStatements(self._engine.dialect)
        if self.is_sqlite:
            self._writer = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._idle:
            await connection.close()
        self._idle = []
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A connection for reading; each statement sees what was committed before it."""
        async with self._connection() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, synced: bool = True) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        `synced=False` for what a power cut may undo as long as nothing was committed after it that it may not.
        """
        async with self._writer, self._connection() as connection:
            if isinstance(connection, sqlite.InlineConnection):
                connection.set_synced(is_synced=synced)
                await _begin_immediate(connection)
            elif not synced:
                await connection.execute(_DO_NOT_WAIT_FOR_THE_DISK)
            yield connection
            await connection.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AsyncConnection]:
        if not self.is_sqlite:
            async with self._opened().connect() as connection:
                yield connection
            return
        # The one that was used last: each forgets the pages that it has in memory when another writes.
        connection = self._idle.pop() if self._idle else await self._new_connection()
        try:
            yield connection
        except BaseException:
            await connection.rollback()
            raise
        finally:
            self._idle.append(connection)

    async def _new_connection(self) -> sqlite.InlineConnection:
        connection = sqlite.InlineConnection(self._opened(), prepared=self._prepared)
        await connection.start()
        return connection

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine


async def _begin_immediate(connection: sqlite.InlineConnection) -> None:
    deadline = time.monotonic() + _SQLITE_PATIENCE_S
    while True:
        try:
            await connection.begin_immediate()
        except OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_SQLITE_RETRY_S)
        else:
            return


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions on its own: read() and write() say which kind they want.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_SQLITE_LOG_PAGES}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
