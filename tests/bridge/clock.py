"""Clocks that a test moves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """The time, standing still unless moved."""

    at: datetime = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    def pass_by(self, **amount: float) -> None:
        """Let time pass (arguments of timedelta)."""
        self.at += timedelta(**amount)


@dataclass
class Seconds:
    """A steady clock, standing still unless moved."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        """The seconds."""
        return self.seconds
