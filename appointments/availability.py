"""When a professional works, as instants.

The rule, on every night of the year: she works at an instant when the clock on her wall then shows a time within
her hours. So 02:30 on the night when the clocks go forward never comes, and hours around it are an hour shorter;
on the night when they go back it comes twice, she works both times, and hours around it are an hour longer.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from appointments.intervals import Interval
from appointments.public_holidays import is_public_holiday
from appointments.schedules import Hours, Schedule

# A date begins somewhere up to 14 hours before it does in UTC, and ends up to 12 hours after: with room to spare.
_MARGIN = timedelta(hours=16)
_DAY = timedelta(days=1)


def hours_of(schedule: Schedule, day: date) -> Sequence[Hours]:
    """The hours of this date: an exception's, else none on a public holiday, else the weekday's."""
    if day in schedule.exceptions:
        return schedule.exceptions[day]
    if schedule.region is not None and is_public_holiday(schedule.region, day):
        return ()
    return schedule.weekly.get(day.weekday(), ())


def working_times(schedule: Schedule, day: date) -> list[Interval]:
    """When she works on this date of her zone, in order; one interval for each of the date's hours.

    A clock change can leave nothing of hours, or part them in two.
    """
    return [
        interval
        for hours in hours_of(schedule, day)
        for interval in times_showing(hours, day, schedule.zone_info)
    ]


def times_showing(hours: Hours, day: date, zone: tzinfo) -> list[Interval]:
    """The instants at which a clock in this zone shows this date and a time within these hours, in order."""
    opens, closes = hours.minutes
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    shown = Interval(midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes))
    found: list[Interval] = []
    for offset, period in _offsets(day, zone):
        part = Interval(shown.start - offset, shown.end - offset).common(period)
        if part is not None and found and found[-1].end == part.start:
            part = Interval(found.pop().start, part.end)
        if part is not None:
            found.append(part)
    return found


def clock_changes(window: Interval, zone: tzinfo) -> list[tuple[datetime, timedelta, timedelta]]:
    """When clocks there change within the window, from which offset of UTC to which."""
    found: dict[datetime, tuple[datetime, timedelta, timedelta]] = {}
    for day in days_between(window, zone):
        periods = _offsets(day, zone)
        for (before, _), (after, period) in pairwise(periods):
            if window.contains(period.start):
                found[period.start] = (period.start, before, after)
    return list(found.values())


def offset_at(instant: datetime, zone: tzinfo) -> timedelta:
    """What a clock there is ahead of UTC at this instant."""
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def days_between(window: Interval, zone: tzinfo) -> Iterator[date]:
    """The dates in this zone that have any instant of the window, in order."""
    day = window.start.astimezone(zone).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        yield day
        day += _DAY


@lru_cache(maxsize=4096)
def _offsets(day: date, zone: tzinfo) -> list[tuple[timedelta, Interval]]:
    """What a clock there is ahead of UTC around this date, and when; at most one change is looked for."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    around = Interval(midnight - _MARGIN, midnight + _DAY + _MARGIN)
    before, after = offset_at(around.start, zone), offset_at(around.end, zone)
    if before == after:
        return [(before, around)]
    change = _change(around, zone)
    return [(before, Interval(around.start, change)), (after, Interval(change, around.end))]


def _change(around: Interval, zone: tzinfo) -> datetime:
    """The second at which the clocks change; found by halving."""
    before, low, high = offset_at(around.start, zone), 0, int(around.length.total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(around.start + timedelta(seconds=middle), zone) == before:
            low = middle
        else:
            high = middle
    return around.start + timedelta(seconds=high)
