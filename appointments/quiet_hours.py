"""The hours in which somebody is told nothing, on her own clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` (excluded) in her zone, over midnight when `end` is earlier; never, when they are one."""

    start: time
    end: time
    timezone: ZoneInfo

    @property
    def is_never(self) -> bool:
        """Whether no hour is quiet."""
        return self.start == self.end

    def is_quiet(self, at: datetime) -> bool:
        """Whether this instant is in them."""
        clock = at.astimezone(self.timezone).time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def until(self, now: datetime) -> datetime | None:
        """When the quiet hours end that it is now; None outside of them.

        The end is where her clock shows it: an hour that clocks skip ends when they have skipped it, and one that
        they show twice ends twice.
        """
        if not self.is_quiet(now):
            return None
        local = now.astimezone(self.timezone)
        day = local.date() + timedelta(days=1 if self.end <= local.time() else 0)
        first, second = (
            datetime.combine(day, self.end.replace(fold=fold), self.timezone).astimezone(UTC)
            for fold in (0, 1)
        )
        return (first if first > now else second).astimezone(now.tzinfo)

    def last_before(self, at: datetime) -> datetime:
        """The last moment before the quiet hours that this instant is in."""
        day = at.astimezone(self.timezone)
        evening = datetime.combine(day.date(), self.start, self.timezone)
        if day.time() < self.start:
            evening = datetime.combine(day.date() - timedelta(days=1), self.start, self.timezone)
        return datetime.fromtimestamp(evening.timestamp(), tz=self.timezone) - timedelta(minutes=1)
