"""SQLite called in the event loop's own thread, as an asynchronous dialect of SQLAlchemy.

A statement of ours takes some 20 microseconds, a commit 0.3 ms; handing each to a thread and back, as aiosqlite
does, costs more than that (ADR 3 has the numbers). Nothing here waits for a lock: bridge/database.py asks for
the write lock without patience and tries again later.
"""

import sqlite3
from typing import Any

from sqlalchemy import URL, AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import await_only

DRIVER = "sqlite+inline"


async def _nothing() -> None:
    """What there is to await: SQLAlchemy insists that an asynchronous driver awaits something."""


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
        await_only(_nothing())
        super().do_execute(*arguments, **options)  # type: ignore[no-untyped-call]

    def do_executemany(self, *arguments: Any, **options: Any) -> None:
        """Run a statement for many rows."""
        await_only(_nothing())
        super().do_executemany(*arguments, **options)  # type: ignore[no-untyped-call]

    def do_execute_no_params(self, *arguments: Any, **options: Any) -> None:
        """Run a statement as it stands."""
        await_only(_nothing())
        super().do_execute_no_params(*arguments, **options)  # type: ignore[no-untyped-call]


registry.register("sqlite.inline", __name__, InlineSQLiteDialect.__name__)
