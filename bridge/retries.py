"""What is worth trying again, when, and how trouble is told in the logs."""

import traceback
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError

_LONGEST_S = 60.0
_DOUBLINGS = 7
# PostgreSQL: serialization failure, deadlock, and the server going down or coming up (class 57P).
_TEMPORARY_SQLSTATES = ("40001", "40P01", "57P")


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
    return f"{type(error).__name__} at {places}"
