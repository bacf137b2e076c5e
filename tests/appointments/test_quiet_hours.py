"""appointments/quiet_hours.py: when somebody is told nothing, and until when."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appointments.quiet_hours import QuietHours

MADRID = ZoneInfo("Europe/Madrid")
NIGHT = QuietHours(time(22), time(8), MADRID)
SIESTA = QuietHours(time(13), time(15), MADRID)

_instants = st.integers(min_value=1_770_000_000, max_value=1_830_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, tz=UTC)
)
_times = st.times(timezones=st.none())
_quiet = st.builds(
    QuietHours, _times, _times, st.sampled_from([MADRID, ZoneInfo("America/Mexico_City"), ZoneInfo("UTC")])
)


def _utc(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (NIGHT, _utc(2026, 1, 10, 20, 59), None),
        (NIGHT, _utc(2026, 1, 10, 21, 0), _utc(2026, 1, 11, 7, 0)),
        (NIGHT, _utc(2026, 1, 11, 6, 59), _utc(2026, 1, 11, 7, 0)),
        (NIGHT, _utc(2026, 1, 11, 7, 0), None),
        # The clocks go forward on 29 March, back on 25 October.
        (NIGHT, _utc(2026, 3, 28, 22, 0), _utc(2026, 3, 29, 6, 0)),
        (NIGHT, _utc(2026, 10, 24, 21, 0), _utc(2026, 10, 25, 7, 0)),
        (SIESTA, _utc(2026, 7, 1, 11, 30), _utc(2026, 7, 1, 13, 0)),
        (SIESTA, _utc(2026, 7, 1, 13, 0), None),
    ],
)
def test_on_her_clock(quiet: QuietHours, now: datetime, until: datetime | None) -> None:
    """Over midnight and over its changes."""
    assert quiet.until(now) == until
    assert quiet.is_quiet(now) is (until is not None)


@given(quiet=_quiet, now=_instants)
# 02:10 for the second time that night.
@example(quiet=QuietHours(time(22), time(2, 30), MADRID), now=_utc(2026, 10, 25, 1, 10))
def test_they_end(quiet: QuietHours, now: datetime) -> None:
    """Always later than now, within a day and the hour that a clock is set back; nobody is quiet for ever."""
    until = quiet.until(now)
    assert (until is not None) is quiet.is_quiet(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
        assert not quiet.is_never


@given(at=_times, now=_instants)
def test_the_same_start_and_end_is_never(at: time, now: datetime) -> None:
    """Not for ever: a mistake must not silence anybody."""
    assert not QuietHours(at, at, MADRID).is_quiet(now)
