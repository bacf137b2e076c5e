"""What is worth trying again, when, and how trouble is told in the logs."""

import re
import traceback
from collections.abc import Iterator
from errno import errorcode
from itertools import chain, repeat
from pathlib import Path

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError

_LONGEST_S = 60.0
_DOUBLINGS = 7
# PostgreSQL, appendix A: no connection, a standby that only reads, a transaction that lost against another, a full
# disk or no connection left, a lock, an operator who intervenes (it goes down or comes up), the disk itself.
_TEMPORARY_SQLSTATES = ("08", "25006", "40", "53", "55", "57", "58")
_CODE = re.compile(r"[A-Z0-9_]{1,40}")


def is_temporary(error: Exception) -> bool:
    """Whether the same thing may work later: the homeserver or the database is in trouble, not the item."""
    if isinstance(error, MatrixError):
        return error.is_temporary
    if isinstance(error, DBAPIError) and not isinstance(error, OperationalError | InterfaceError):
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or sqlstate.startswith(_TEMPORARY_SQLSTATES)
    temporary = (HomeserverUnreachableError, OperationalError, InterfaceError, PoolTimeoutError, OSError)
    return isinstance(error, temporary)


def delays_s(first: float) -> Iterator[float]:
    """Seconds to wait before each next attempt: doubling up to a minute, without end."""
    doubling = (min(first * 2**doubled, _LONGEST_S) for doubled in range(_DOUBLINGS))
    return chain(doubling, repeat(_LONGEST_S))


def where(error: Exception) -> str:
    """The error's kind and place, for the logs: its own text may quote what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__}{code_of(getattr(error, 'orig', None) or error)} at {places}"


def code_of(error: BaseException) -> str:
    """In brackets the code that a database or the system gave it (`SQLITE_FULL`, `53100`, `ENOSPC`), if any."""
    number = getattr(error, "errno", None)
    known = errorcode.get(number) if isinstance(number, int) else None
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or known
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
