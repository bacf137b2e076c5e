"""appointments/availability.py: hours on a clock become instants, on every night of the year."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.availability import hours_of, times_showing, working_times
from appointments.intervals import Interval
from appointments.public_holidays import Region
from appointments.schedules import Hours, check_schedule
from tests.appointments.diary import MINUTE, OFFICE, schedule

FORWARD, BACK = date(2027, 3, 28), date(2027, 10, 31)  # in Madrid at 2:00 and at 3:00
ZONES = [
    "Europe/Madrid",
    "Atlantic/Canary",
    "America/Mexico_City",
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Havana",  # changes at midnight
    "Asia/Kathmandu",
]


def madrid(day: date, opens: str, closes: str) -> list[str]:
    """The instants of these hours, as UTC times of day."""
    hours = Hours(time.fromisoformat(opens), time.fromisoformat(closes))
    found = times_showing(hours, day, ZoneInfo("Europe/Madrid"))
    return [f"{one.start:%d %H:%M}-{one.end:%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("day", "opens", "closes", "instants"),
    [
        (date(2027, 3, 27), "01:00", "04:00", ["27 00:00-27 03:00"]),
        (FORWARD, "01:00", "04:00", ["28 00:00-28 02:00"]),
        (FORWARD, "02:30", "04:00", ["28 01:00-28 02:00"]),
        (FORWARD, "01:00", "02:30", ["28 00:00-28 01:00"]),
        (FORWARD, "02:00", "03:00", []),
        (FORWARD, "02:30", "02:45", []),
        (FORWARD, "00:00", "00:00", ["27 23:00-28 22:00"]),
        (BACK, "01:00", "04:00", ["30 23:00-31 03:00"]),
        (BACK, "02:30", "04:00", ["31 00:30-31 01:00", "31 01:30-31 03:00"]),
        (BACK, "02:00", "03:00", ["31 00:00-31 02:00"]),
        (BACK, "02:30", "02:45", ["31 00:30-31 00:45", "31 01:30-31 01:45"]),
        (BACK, "00:00", "00:00", ["30 22:00-31 23:00"]),
    ],
)
def test_what_half_past_two_means(day: date, opens: str, closes: str, instants: list[str]) -> None:
    """It never comes on the night forward, and comes twice on the night back."""
    assert madrid(day, opens, closes) == instants


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    opens=st.integers(0, 1439),
    length=st.integers(1, 1440),
)
def test_working_is_when_the_clock_shows_the_hours(zone: str, day: date, opens: int, length: int) -> None:
    """Minute by minute, in every zone, on every date."""
    closes = min(opens + length, 1440)
    hours = Hours(time(opens // 60, opens % 60), time(closes // 60 % 24, closes % 60))
    found = times_showing(hours, day, ZoneInfo(zone))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for minute in range(-15 * 60, 39 * 60, 7):
        instant = midnight + minute * MINUTE
        shown = instant.astimezone(ZoneInfo(zone))
        is_within = shown.date() == day and opens <= shown.hour * 60 + shown.minute < closes
        assert any(one.contains(instant) for one in found) == is_within
    assert all(one.end < other.start for one, other in itertools.pairwise(found))


def test_exceptions_take_the_place_of_the_week() -> None:
    """An empty one is a day off, another one other hours, on a Sunday too."""
    sunday, monday, tuesday = date(2027, 1, 10), date(2027, 1, 11), date(2027, 1, 12)
    late = (Hours(time(18), time(20)),)
    made = schedule(exceptions={sunday: late, monday: ()})
    assert [hours_of(made, day) for day in (sunday, monday, tuesday)] == [late, (), OFFICE]


def test_public_holidays_are_days_off_unless_excepted() -> None:
    """Those of the region: Madrid's own day is none elsewhere."""
    constitution, madrids_day = date(2027, 12, 6), date(2028, 5, 2)
    for region, free in (
        (None, []),
        (Region("ES", "MD"), [constitution, madrids_day]),
        (Region("ES", "CN"), [constitution]),
    ):
        made = schedule(region=region)
        check_schedule(made)
        assert [day for day in (constitution, madrids_day) if not working_times(made, day)] == free
    made = schedule(region=Region("ES", "MD"), exceptions={constitution: OFFICE})
    assert working_times(made, constitution) == [
        Interval(datetime(2027, 12, 6, 8, tzinfo=UTC), datetime(2027, 12, 6, 16, tzinfo=UTC))
    ]


def test_every_day_is_as_long_as_it_is() -> None:
    """Somebody who always works has no gap in the year, and none of it twice."""
    around_the_clock = dict.fromkeys(range(7), (Hours(time(0), time(0)),))
    made = schedule(weekly=around_the_clock)
    days = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]
    times = [one for day in days for one in working_times(made, day)]
    assert len(times) == 365
    assert all(one.end == other.start for one, other in itertools.pairwise(times))
