"""SQLite called in the event loop's own thread, as an asynchronous dialect of SQLAlchemy.

A statement of ours takes some 20 microseconds, a commit 0.3 ms; handing each to a thread and back, as aiosqlite
does, costs more than that (ADR 3 has the numbers). Nothing here waits for a lock: bridge/storage/database.py asks for
the write lock without patience and tries again later.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import URL, AsyncAdaptedQueuePool, CursorResult, Pool
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from bridge.storage.prepared import PreparedStatements, as_sqlalchemy_raises

DRIVER = "sqlite+inline"


async def _nothing() -> None:
    """What there is to await."""


class Cursor(sqlite3.Cursor):
    """The standard library's cursor, with what SQLAlchemy asks of an asynchronous one."""

    async def _async_soft_close(self) -> None:
        """Rows are still to be read, which needs no waiting here."""


class Connection(sqlite3.Connection):
    """The standard library's connection, with such cursors."""

    def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:  # type: ignore[override]
        """A new cursor."""
        return super().cursor(factory)


class InlineSQLiteDialect(SQLiteDialect_pysqlite):
    """The standard library's driver, for `create_async_engine`."""

    driver = "inline"
    is_async = True
    supports_statement_cache = True

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """A pool whose waiting is asynchronous."""
        del url
        return AsyncAdaptedQueuePool

    def do_execute(self, *arguments: Any, **options: Any) -> None:
        """Run a statement."""
        _seem_to_await()
        super().do_execute(*arguments, **options)  # type: ignore[no-untyped-call]

    def do_executemany(self, *arguments: Any, **options: Any) -> None:
        """Run a statement for many rows."""
        _seem_to_await()
        super().do_executemany(*arguments, **options)  # type: ignore[no-untyped-call]

    def do_execute_no_params(self, *arguments: Any, **options: Any) -> None:
        """Run a statement as it stands."""
        _seem_to_await()
        super().do_execute_no_params(*arguments, **options)  # type: ignore[no-untyped-call]


class InlineConnection(AsyncConnection):
    """An AsyncConnection whose statements run without SQLAlchemy's greenlets, which cost more than they do.

    Those that are known as `prepared` run without most of the rest of it as well.
    """

    def __init__(self, engine: AsyncEngine, *, prepared: PreparedStatements) -> None:
        super().__init__(engine)
        self._prepared = prepared
        self._raw: sqlite3.Connection | None = None
        self._is_synced = True  # as bridge/storage/database.py opens them

    async def start(self, is_ctxmanager: bool = False) -> AsyncConnection:  # noqa: FBT001, FBT002 — as inherited
        """As AsyncConnection's."""
        started = await super().start(is_ctxmanager)
        self._raw = cast("sqlite3.Connection", self._inner().connection.dbapi_connection)
        return started

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """As AsyncConnection's."""
        prepared = None if execution_options else self._prepared.find(statement, parameters)
        if prepared is not None:
            return prepared.run(self._driver(), parameters)
        return self._inner().execute(statement, parameters, execution_options=execution_options)

    async def exec_driver_sql(
        self, statement: str, parameters: Any = None, execution_options: Any = None
    ) -> CursorResult[Any]:
        """As AsyncConnection's."""
        return self._inner().exec_driver_sql(statement, parameters, execution_options)

    def set_synced(self, *, is_synced: bool) -> None:
        """Whether transactions wait for the disk from here on. To be called outside of one."""
        if is_synced != self._is_synced:
            self._driver().execute(f"PRAGMA synchronous={'FULL' if is_synced else 'NORMAL'}")
            self._is_synced = is_synced

    async def begin_immediate(self) -> None:
        """Begin a write transaction. Raises OperationalError when another process writes."""
        self._do(self._driver().execute, "BEGIN IMMEDIATE")

    async def commit(self) -> None:
        """As AsyncConnection's."""
        self._do(self._driver().commit)
        self._inner().commit()  # ends what SQLAlchemy believes to have begun

    async def rollback(self) -> None:
        """As AsyncConnection's."""
        self._do(self._driver().rollback)
        self._inner().rollback()

    def _do(self, action: Callable[..., object], *arguments: str) -> None:
        try:
            action(*arguments)
        except sqlite3.Error as error:
            raise as_sqlalchemy_raises(error, " ".join(arguments)) from error

    def _inner(self) -> SyncConnection:
        if self.sync_connection is None:
            raise RuntimeError("the connection is not open")
        return self.sync_connection

    def _driver(self) -> sqlite3.Connection:
        if self._raw is None:
            raise RuntimeError("the connection is not open")
        return self._raw


def _seem_to_await() -> None:
    # SQLAlchemy insists that what it runs in a greenlet of its own awaits something there.
    if in_greenlet():
        await_only(_nothing())


registry.register("sqlite.inline", __name__, InlineSQLiteDialect.__name__)
