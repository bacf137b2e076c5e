"""appointments/intervals.py."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.intervals import Interval

START = datetime(2027, 1, 1, tzinfo=UTC)


def minutes(start: int, end: int) -> Interval:
    """Some minutes of New Year's Day."""
    return Interval(START + timedelta(minutes=start), START + timedelta(minutes=end))


INTERVALS = st.tuples(st.integers(0, 60), st.integers(1, 60)).map(
    lambda two: minutes(two[0], two[0] + two[1])
)


def test_no_naive_and_no_empty_ones() -> None:
    """A time without a zone, and an interval without an instant, are mistakes of the caller."""
    with pytest.raises(ValueError, match="naive"):
        Interval(datetime(2027, 1, 1), datetime(2027, 1, 2, tzinfo=UTC))  # noqa: DTZ001 - what is refused
    for end in (0, -1):
        with pytest.raises(ValueError, match="empty"):
            minutes(0, end)


def test_a_night_with_a_clock_change_has_its_real_length() -> None:
    """From 1:00 to 4:00 in Madrid are two hours in March and four in October."""
    zone = ZoneInfo("Europe/Madrid")
    lengths = [
        Interval(
            datetime(2027, month, day, 1, tzinfo=zone), datetime(2027, month, day, 4, tzinfo=zone)
        ).length
        for month, day in ((3, 28), (10, 31))
    ]
    assert lengths == [timedelta(hours=2), timedelta(hours=4)]


@settings(deadline=None)
@given(INTERVALS, INTERVALS)
def test_overlapping_is_having_an_instant_in_common(one: Interval, other: Interval) -> None:
    """As counting the minutes says; what is common is in both."""
    shared = [
        START + timedelta(minutes=n)
        for n in range(121)
        if all(each.contains(START + timedelta(minutes=n)) for each in (one, other))
    ]
    common = one.common(other)
    assert one.overlaps(other) == other.overlaps(one) == bool(shared) == (common is not None)
    if common is not None:
        assert (common.start, common.end) == (shared[0], shared[-1] + timedelta(minutes=1))
        assert one.covers(common)
        assert other.covers(common)
