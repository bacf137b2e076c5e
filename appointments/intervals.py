"""Spans of time: half-open, aware, kept in UTC so that arithmetic and comparisons never meet a clock change."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """The instants from `start` up to, not including, `end`; both are kept in UTC.

    Raises ValueError for a naive time, and when it would be empty.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            instant = getattr(self, name)
            if instant.tzinfo is None:
                raise ValueError(f"a naive datetime: {instant!r}")
            # Python compares two times of one zone by what the clock shows, which a clock change makes wrong.
            object.__setattr__(self, name, instant.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError(f"an empty interval: {self.start.isoformat()} to {self.end.isoformat()}")

    @property
    def length(self) -> timedelta:
        """How long it really lasts."""
        return self.end - self.start

    def contains(self, instant: datetime) -> bool:
        """Whether this instant is in it."""
        return self.start <= instant < self.end

    def overlaps(self, other: "Interval") -> bool:
        """Whether there is an instant that is in both; touching ones share none."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: "Interval") -> bool:
        """Whether all of the other is in it."""
        return self.start <= other.start and other.end <= self.end

    def common(self, other: "Interval") -> "Interval | None":
        """The instants that are in both; None when there are none."""
        if not self.overlaps(other):
            return None
        return Interval(max(self.start, other.start), min(self.end, other.end))
