"""When an appointment's reminders come."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from appointments.quiet_hours import QuietHours
from appointments.reminders import (
    DEFAULT_BEFORE,
    Reminder,
    ReminderRules,
    is_worth_sending,
    reminders,
)

MADRID = ZoneInfo("Europe/Madrid")
NIGHT = QuietHours(time(22), time(8), MADRID)
START = datetime(2026, 12, 3, 10, 20, tzinfo=MADRID)

_instants = st.integers(min_value=1_770_000_000, max_value=1_830_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, tz=UTC)
)
_spans = st.lists(st.integers(min_value=1, max_value=20_000).map(lambda minutes: timedelta(minutes=minutes)))
_times = st.times(timezones=st.none())
_quiet = st.builds(
    QuietHours, _times, _times, st.sampled_from([MADRID, ZoneInfo("America/Mexico_City"), ZoneInfo("UTC")])
)


def test_a_day_two_hours_and_ten_minutes_before() -> None:
    """The default for an appointment made days ahead."""
    booked = START - timedelta(days=5)
    planned = reminders(start=START, before=DEFAULT_BEFORE, now=booked)
    assert [START - one.at for one in planned] == list(DEFAULT_BEFORE)


def test_what_passed_before_it_was_booked_is_not_sent() -> None:
    """Booked an hour before: only the ten minutes are still to come."""
    planned = reminders(start=START, before=DEFAULT_BEFORE, now=START - timedelta(hours=1))
    assert planned == [Reminder(START - timedelta(minutes=10), timedelta(minutes=10))]


def test_quiet_hours_move_a_reminder_to_the_evening_before() -> None:
    """Two hours before nine in the morning is in the night: it comes before the night, not in it."""
    start = datetime(2026, 12, 3, 9, 0, tzinfo=MADRID)
    planned = reminders(start=start, before=DEFAULT_BEFORE, now=start - timedelta(days=5), quiet=NIGHT)
    assert [one.at.astimezone(MADRID).strftime("%d %H:%M") for one in planned] == [
        "02 09:00",
        "02 21:59",
        "03 08:50",
    ]


def test_whose_choice_counts() -> None:
    """A person's own choice, none too, is above the kind of visit's, and that above the clinic's."""
    rules = ReminderRules(by_visit_type={"first": (timedelta(days=2),)})
    assert rules.for_person("follow-up") == DEFAULT_BEFORE
    assert rules.for_person("first") == (timedelta(days=2),)
    assert rules.for_person("first", own=[]) == ()


def test_a_late_reminder_says_what_is_still_true_or_nothing() -> None:
    """After a night of standing still: the last one that is due speaks for those before it; none after the start."""
    first, second, third = reminders(start=START, before=DEFAULT_BEFORE, now=START - timedelta(days=5))
    awake = START - timedelta(hours=1)
    times = [first.at, second.at, third.at]
    assert not is_worth_sending(first, start=START, now=awake, later=times)
    assert is_worth_sending(second, start=START, now=awake, later=times)
    assert not is_worth_sending(third, start=START, now=START, later=times)
    assert not is_worth_sending(third, start=START, now=START - timedelta(minutes=1), later=times)


@given(start=_instants, now=_instants, before=_spans, quiet=st.none() | _quiet)
def test_no_reminder_is_past_quiet_or_after_the_start(
    start: datetime, now: datetime, before: list[timedelta], quiet: QuietHours | None
) -> None:
    """Whatever was chosen: each is to come, before the start, sooner only for quiet hours, once."""
    planned = reminders(start=start, before=before, now=now, quiet=quiet)
    assert all(now < one.at < start for one in planned)
    assert len({one.at for one in planned}) == len(planned)
    for one in planned:
        assert one.before in before
        assert one.at <= start - one.before
        if quiet is None:
            assert one.at == start - one.before


@given(start=_instants, before=_spans, late=_instants)
def test_at_most_one_of_those_that_are_due_speaks(
    start: datetime, before: list[timedelta], late: datetime
) -> None:
    """Whenever the process wakes: one reminder at most, and none once the visit has begun."""
    planned = reminders(start=start, before=before, now=datetime(2020, 1, 1, tzinfo=UTC))
    due = [one for one in planned if one.at <= late]
    times = [one.at for one in planned]
    spoken = [one for one in due if is_worth_sending(one, start=start, now=late, later=times)]
    assert len(spoken) <= 1
    assert not spoken or late < start
