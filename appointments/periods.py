"""The time in which something holds: from its start on, until just before its end, or without end."""

from datetime import datetime

from appointments.errors import EmptyCarePeriodError


def holds(now: datetime, *, starts: datetime, ends: datetime | None) -> bool:
    """Whether `now` lies in [starts, ends)."""
    return starts <= now and (ends is None or now < ends)


def check_period(*, starts: datetime, ends: datetime | None) -> None:
    """Raises EmptyCarePeriodError, or ValueError for a naive time."""
    for instant in (starts, ends):
        if instant is not None and instant.tzinfo is None:
            raise ValueError(f"a naive datetime: {instant!r}")
    if ends is not None and ends <= starts:
        raise EmptyCarePeriodError(f"{starts.isoformat()} to {ends.isoformat()}")
