"""Offered slots of 2027 against another reading of the same rules: minute by minute, with dateutil and zoneinfo.

The other reading knows nothing of offsets and their changes. It asks of each minute what a clock shows, and counts.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from dateutil.rrule import HOURLY, MINUTELY, rrule

from appointments.intervals import Interval
from appointments.schedules import Hours, Schedule
from appointments.slots import free_slots
from tests.appointments.diary import DAY, HOUR, MINUTE, schedule, visit

ZONES = ["Europe/Madrid", "America/Mexico_City", "Atlantic/Canary"]
KIND = visit(minutes=25, buffer_before=5, buffer_after=10, horizon=3 * 366 * 1440)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SPELLS = {
    0: [("09:00", "14:00"), ("15:30", "18:10")],
    1: [("09:00", "17:00")],
    2: [("00:00", "24:00")],
    4: [("09:05", "13:55"), ("20:00", "24:00")],
    5: [("00:00", "06:30"), ("22:45", "24:00")],
    6: [("00:00", "02:30"), ("02:30", "05:10"), ("12:00", "12:20")],
}
"""Weekday → from and until: nights too, since clocks change at night on a Sunday."""
EXCEPTIONS = {
    date(2027, 3, 28): [("01:10", "03:50")],
    date(2027, 7, 6): [],
    date(2027, 10, 31): [("00:20", "02:45"), ("02:50", "04:00")],
    date(2027, 12, 31): [("18:00", "24:00")],
    date(2028, 1, 1): [("00:00", "01:00")],
}
BOOKED = [
    (datetime(2027, 1, 4, 9, tzinfo=UTC) + n * 31 * HOUR + n * MINUTE, (n * 7 % 50 + 5) * MINUTE)
    for n in range(280)
]


def hours(spells: list[tuple[str, str]]) -> tuple[Hours, ...]:
    """For the schedule under test."""
    times = [(a, b.replace("24:00", "00:00")) for a, b in spells]
    return tuple(Hours(time.fromisoformat(a), time.fromisoformat(b)) for a, b in times)


def under_test(zone: str) -> Schedule:
    """The rules, as ours."""
    return schedule(
        zone=zone,
        weekly={day: hours(spells) for day, spells in SPELLS.items()},
        exceptions={day: hours(spells) for day, spells in EXCEPTIONS.items()},
        visit_types=(KIND,),
    )


def shown(minute: datetime, zone: str) -> datetime:
    """What the clock shows, in which both libraries agree."""
    naive = minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert minute.astimezone(tz.gettz(zone)).replace(tzinfo=None) == naive
    return naive


def spell_of(clock: datetime) -> tuple[date, str] | None:
    """Which spell of work the clock's time is in."""
    says = f"{clock:%H:%M}"
    for opens, closes in EXCEPTIONS.get(clock.date(), SPELLS.get(clock.weekday(), [])):
        if opens <= says < closes:
            return clock.date(), opens
    return None


@cache
def other_reading(zone: str, first: datetime, last: datetime) -> list[datetime]:
    """The starts of all free visits between these two, each minute looked at."""
    taken = {
        start + n * MINUTE for start, length in BOOKED for n in range(length // MINUTE) if start < last + DAY
    }
    found = []
    for spell in _spells(zone, first, last):
        for n in range(0, len(spell), 40):
            at = spell[n]
            whole = n + 25 <= len(spell)
            if whole and not any(at + m * MINUTE in taken for m in range(-5, 35)):
                found.append(at)
    return [start for start in found if first <= start < last]


def _spells(zone: str, first: datetime, last: datetime) -> Iterator[list[datetime]]:
    """The minutes of each spell, without a gap."""
    current: list[datetime] = []
    key = None
    for minute in rrule(MINUTELY, dtstart=first - 2 * DAY, until=last + 2 * DAY):
        at = spell_of(shown(minute, zone))
        if current and (at is None or at != key):
            yield current
            current = []
        if at is not None:
            current.append(minute)
        key = at


def differences(
    zone: str, hours_of_interest: list[datetime], first: datetime, last: datetime
) -> list[datetime]:
    """The hours in which the two readings differ."""
    made = under_test(zone)
    blocked = [Interval(start, start + length) for start, length in BOOKED]
    expected = other_reading(zone, first, last)
    wrong = []
    for hour in hours_of_interest:
        window = Interval(hour, hour + HOUR)
        near = [one for one in blocked if one.overlaps(Interval(hour - DAY, hour + DAY))]
        ours = [one.start for one in free_slots(made, KIND, window=window, blocked=near, now=NOW)]
        if ours != [start for start in expected if window.contains(start)]:
            wrong.append(hour)
    return wrong


WEEKS = [
    (datetime(2027, 3, 22, tzinfo=UTC), 14),  # clocks go forward in Europe
    (datetime(2027, 10, 25, tzinfo=UTC), 14),  # and back
    (datetime(2026, 12, 28, tzinfo=UTC), 8),
    (datetime(2027, 12, 28, tzinfo=UTC), 8),
    (datetime(2027, 7, 5, tzinfo=UTC), 3),
    (datetime(2027, 4, 3, tzinfo=UTC), 3),  # when Mexico's clocks changed until 2022
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("first", "days"), WEEKS, ids=lambda value: f"{value:%F}" if not isinstance(value, int) else ""
)
def test_weeks_that_matter(zone: str, first: datetime, days: int) -> None:
    """Clock changes, year ends and a sample, every hour of them."""
    last = first + timedelta(days=days)
    window = list(rrule(HOURLY, dtstart=first, until=last - HOUR))
    assert other_reading(zone, first, last)
    assert differences(zone, window, first, last) == []


@pytest.mark.faults
@pytest.mark.parametrize("zone", ZONES)
def test_every_hour_of_the_year(zone: str) -> None:
    """8,760 hours."""
    first, last = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    every = list(rrule(HOURLY, dtstart=first, until=last - HOUR))
    assert len(every) == 8760
    assert differences(zone, every, first, last) == []
