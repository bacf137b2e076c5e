"""appointments/slots.py: what may be booked, whatever the hours, the bookings and the clock."""

import itertools
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.errors import BadScheduleError, NotOfferedError, SlotTakenError
from appointments.intervals import Interval
from appointments.public_holidays import Region
from appointments.schedules import Hours, Schedule, VisitType, check_schedule
from appointments.slots import Slot, free_slots, require_free
from tests.appointments.diary import DAY, HOUR, MINUTE, NOW, OFFICE, schedule, visit

ZONES = ["Europe/Madrid", "America/Mexico_City", "Atlantic/Canary"]
KINDS = st.builds(
    visit,
    minutes=st.integers(5, 120),
    buffer_before=st.integers(0, 30),
    buffer_after=st.integers(0, 30),
    notice=st.integers(0, 2880),
    horizon=st.integers(60, 20_000),
)
NOWS = st.datetimes(datetime(2027, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
BOOKED = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 100)), max_size=8)


@st.composite
def weeks(draw: st.DrawFn) -> dict[int, tuple[Hours, ...]]:
    """Up to two spells of work on each day, any times."""
    week = {}
    for day in range(7):
        minutes = sorted(draw(st.lists(st.integers(0, 1439), unique=True, min_size=4, max_size=4)))
        first, second, third, fourth = (time(n // 60, n % 60) for n in minutes)
        week[day] = (Hours(first, second), Hours(third, fourth))[: draw(st.integers(0, 2))]
    return week


def offered(made: Schedule, kind: VisitType, blocked: list[Interval], *, now: datetime) -> list[Slot]:
    """What is free within three days."""
    window = Interval(now, now + 3 * DAY)
    return list(free_slots(made, kind, window=window, blocked=blocked, now=now))


def blocks(now: datetime, booked: list[tuple[int, int]]) -> list[Interval]:
    """What is taken, minutes from now."""
    return [Interval(now + start * MINUTE, now + (start + length) * MINUTE) for start, length in booked]


@settings(deadline=None)
@given(zone=st.sampled_from(ZONES), week=weeks(), kind=KINDS, now=NOWS, booked=BOOKED)
def test_what_is_offered_can_be_booked_and_overlaps_nothing(zone, week, kind, now, booked) -> None:
    """No slot, nor its buffers, meets a booking; each lies within hours, notice and horizon, and passes the check."""
    made = schedule(zone=zone, weekly=week, visit_types=(kind,))
    check_schedule(made)
    taken = blocks(now, booked)
    slots = offered(made, kind, taken, now=now)
    assert slots == sorted(slots, key=lambda one: one.start)
    for slot in slots:
        assert not any(kind.blocked(slot.start).overlaps(one) for one in taken)
        assert now + kind.notice <= slot.start < now + kind.horizon
        assert slot.end - slot.start == kind.length
        require_free(made, kind, start=slot.start, blocked=taken, now=now)
        shown = slot.start.astimezone(ZoneInfo(zone))
        minute = shown.hour * 60 + shown.minute
        assert any(h.minutes[0] <= minute < h.minutes[1] for h in week[shown.weekday()])
    for one, other in itertools.pairwise(slots):
        assert one.end <= other.start


@settings(deadline=None)
@given(week=weeks(), kind=KINDS, now=NOWS, booked=BOOKED, start=st.integers(0, 3 * 1440))
def test_what_is_not_offered_is_refused(week, kind, now, booked, start) -> None:
    """The check and the list are of one mind about any minute."""
    made = schedule(weekly=week, visit_types=(kind,))
    taken = blocks(now, booked)
    at = now.replace(second=0, microsecond=0) + start * MINUTE
    is_offered = any(slot.start == at for slot in offered(made, kind, taken, now=now - MINUTE))
    try:
        require_free(made, kind, start=at, blocked=taken, now=now - MINUTE)
    except (NotOfferedError, SlotTakenError):
        assert not is_offered
    else:
        assert is_offered or at >= now - MINUTE + 3 * DAY


@settings(deadline=None)
@given(week=weeks(), kind=KINDS, now=NOWS, booked=BOOKED, viewer=st.sampled_from(["Asia/Tokyo", *ZONES]))
def test_slots_do_not_depend_on_who_looks_from_where(week, kind, now, booked, viewer) -> None:
    """The same instants, in whatever zone the question is put."""
    made = schedule(weekly=week, visit_types=(kind,))
    zone = ZoneInfo(viewer)
    seen = offered(made, kind, blocks(now.astimezone(zone), booked), now=now.astimezone(zone))
    assert seen == offered(made, kind, blocks(now, booked), now=now)


@settings(deadline=None)
@given(
    week=weeks(), kind=KINDS, now=NOWS, cuts=st.lists(st.integers(1, 3 * 1440 - 1), unique=True, max_size=3)
)
def test_windows_can_be_put_together(week, kind, now, cuts) -> None:
    """The slots of a window are those of its parts: none gets lost, or moves, where it is cut."""
    made = schedule(weekly=week, visit_types=(kind,))
    edges = [now, *(now + cut * MINUTE for cut in sorted(cuts)), now + 3 * DAY]
    parts = [
        slot
        for start, end in itertools.pairwise(edges)
        for slot in free_slots(made, kind, window=Interval(start, end), blocked=[], now=now)
    ]
    assert parts == offered(made, kind, [], now=now)


def test_a_plain_day() -> None:
    """Twenty-four visits of twenty minutes from nine to five."""
    slots = offered(schedule(), visit(), [], now=NOW)
    monday = [slot for slot in slots if slot.start < NOW + DAY]
    assert len(monday) == 24
    assert (monday[0].start, monday[-1].end) == (NOW + HOUR, NOW + 9 * HOUR)


def test_buffers_lie_between_visits_and_may_lie_outside_hours() -> None:
    """Ten minutes before and five after: a visit every 35 minutes, the first one when work begins."""
    kind = visit(buffer_before=10, buffer_after=5)
    made = schedule(visit_types=(kind,), weekly={0: (Hours(time(9), time(10, 30)),)})
    starts = [slot.start for slot in offered(made, kind, [], now=NOW)]
    assert starts == [NOW + HOUR + n * MINUTE for n in (0, 35, 70)]
    beside = Interval(NOW + HOUR - 15 * MINUTE, NOW + HOUR - 9 * MINUTE)
    assert [slot.start for slot in offered(made, kind, [beside], now=NOW)] == starts[1:]


@pytest.mark.parametrize(
    ("start", "refusal"),
    [
        (NOW - MINUTE, "past"),
        (NOW + HOUR, "too-soon"),
        (NOW + 40 * DAY, "too-far"),
        (NOW + 3 * HOUR + MINUTE, "not-working"),
        (NOW + 12 * HOUR, "not-working"),
        (NOW + 5 * DAY + 3 * HOUR, "not-working"),
        (NOW + 8 * HOUR + 50 * MINUTE, "not-working"),
    ],
)
def test_why_a_time_is_not_offered(start: datetime, refusal: str) -> None:
    """Each reason by its name."""
    kind = visit(notice=120, horizon=30 * 1440)
    with pytest.raises(NotOfferedError) as refused:
        require_free(schedule(visit_types=(kind,)), kind, start=start, blocked=[], now=NOW)
    assert refused.value.reason == refusal


def test_taken_is_another_refusal() -> None:
    """Also for a time that is not on the grid."""
    taken = [Interval(NOW + 3 * HOUR, NOW + 3 * HOUR + 20 * MINUTE)]
    for start in (NOW + 3 * HOUR, NOW + 3 * HOUR + MINUTE):
        with pytest.raises(SlotTakenError):
            require_free(schedule(), visit(), start=start, blocked=taken, now=NOW)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("zone", {"zone": "Europe/Atlantis"}),
        ("holidays", {"region": Region("XX")}),
        ("holidays", {"region": Region("ES", "XX")}),
        ("weekly", {"weekly": {0: (Hours(time(10), time(9)),)}}),
        ("weekly", {"weekly": {0: (*OFFICE, Hours(time(16), time(18)))}}),
        ("exceptions", {"exceptions": {date(2027, 1, 1): (Hours(time(10), time(10)),)}}),
        ("visit_types", {"visit_types": (visit(), visit())}),
        ("visit_types", {"visit_types": (visit(minutes=0),)}),
        ("visit_types", {"visit_types": (visit(buffer_after=-1),)}),
        ("visit_types", {"visit_types": (visit(minutes=1440, buffer_after=1),)}),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(field: str, wrong: dict[str, object]) -> None:
    """The refusal names what to mend."""
    with pytest.raises(BadScheduleError) as refused:
        check_schedule(schedule(**wrong))
    assert refused.value.field == field


def test_hours_may_touch_and_reach_midnight() -> None:
    """Each keeps its own grid: the last visit before one and the first one after."""
    made = schedule(weekly={0: (Hours(time(9), time(13, 10)), Hours(time(13, 10), time(0)))})
    check_schedule(made)
    slots = offered(made, visit(), [], now=NOW)
    assert len(slots) == 12 + 32
    assert slots[-1].end <= NOW + 16 * HOUR
