"""The only call to the wall clock. Everything else is given a time, or a `Now` to ask."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Returns the current instant, aware, in UTC."""


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)
