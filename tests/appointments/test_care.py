"""appointments/care.py: the period of a care relationship."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.care import CareRelationship, check_care
from appointments.errors import EmptyCarePeriodError, SamePersonError

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
START_OF_TIME, END_OF_TIME = datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-01-01")
INSTANTS = st.datetimes(min_value=START_OF_TIME, max_value=END_OF_TIME, timezones=st.just(UTC))


def care(**changes: object) -> CareRelationship:
    """An open relationship, with these changes."""
    values = {
        "patient": "@maria:portal",
        "professional": "@garcia:hospital",
        "role": "gp",
        "starts": START,
        "ends": None,
    }
    return CareRelationship(**{**values, **changes})


@given(
    starts=INSTANTS, length=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9))
)
def test_a_period_holds_its_start_and_not_its_end(starts: datetime, length: timedelta) -> None:
    """[starts, ends) is half-open: two periods that touch never both hold an instant."""
    first = care(starts=starts, ends=starts + length)
    second = care(starts=starts + length, ends=None)
    for now in (starts, starts + length / 2, starts + length):
        assert first.is_active(now) != second.is_active(now) or now < starts
    assert first.is_active(starts)
    assert not first.is_active(first.ends)


@given(starts=INSTANTS, now=INSTANTS)
def test_an_open_period_holds_everything_from_its_start(starts: datetime, now: datetime) -> None:
    """Without an end, care is active from its start on and not before."""
    assert care(starts=starts).is_active(now) == (starts <= now)


@given(starts=INSTANTS, ends=INSTANTS, now=INSTANTS)
def test_a_period_that_ended_before_it_started_is_never_active(starts, ends, now) -> None:
    """A relationship that was ended before its start gives no right at any instant."""
    assert not (ends <= starts and care(starts=starts, ends=ends).is_active(now))


def test_an_empty_period_is_refused() -> None:
    """The end has to be after the start."""
    with pytest.raises(EmptyCarePeriodError):
        check_care(care(ends=START))


def test_nobody_cares_for_themselves() -> None:
    """Patient and professional are two people."""
    with pytest.raises(SamePersonError):
        check_care(care(professional="@maria:portal"))


def test_a_naive_time_is_refused() -> None:
    """Times without a zone never get into the domain."""
    with pytest.raises(ValueError, match="naive"):
        check_care(care(starts=START.replace(tzinfo=None)))
