"""Free slots: from working hours, what is booked, the kind of visit, and `now`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from appointments.availability import days_between, working_times
from appointments.errors import NotOfferedError, SlotTakenError
from appointments.intervals import Interval
from appointments.schedules import Schedule, VisitType

_FIRST_WINDOW, _LONGEST_WINDOW = timedelta(days=1), timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Slot:
    """A visit that can be booked: from `start` until `end`, of this kind."""

    start: datetime
    end: datetime
    visit_type: str


def free_slots(
    schedule: Schedule,
    visit_type: VisitType,
    *,
    window: Interval,
    blocked: Collection[Interval],
    now: datetime,
) -> Iterator[Slot]:
    """The free slots that start within the window, in order.

    In each of a day's hours the first visit starts when they begin, the next one after its length and buffers, and
    so on: a grid that depends on nothing else. A visit lies wholly within the hours; its buffers may lie outside.
    `blocked` are the booked visits of the window with their buffers: no slot's visit or buffers overlap any of it.
    """
    soonest, latest = now + visit_type.notice, now + visit_type.horizon
    for visit in _grid(schedule, visit_type, window=window):
        if not soonest <= visit.start < latest:
            continue
        needed = visit_type.blocked(visit.start)
        if not any(needed.overlaps(one) for one in blocked):
            yield Slot(visit.start, visit.end, visit_type.name)


def windows(since: datetime, until: datetime) -> Iterator[Interval]:
    """The span in pieces that grow: mostly the first days have what is asked for, and rows cost the most."""
    length = _FIRST_WINDOW
    while since < until:
        yield Interval(since, min(since + length, until))
        since, length = since + length, min(2 * length, _LONGEST_WINDOW)


def is_on_offer(schedule: Schedule, visit_type: VisitType, *, start: datetime, now: datetime) -> bool:
    """Whether this is one of the slots, if nobody has it."""
    if not now + visit_type.notice <= start < now + visit_type.horizon:
        return False
    visit = visit_type.visit(start)
    return visit in _grid(schedule, visit_type, window=visit)


def require_free(
    schedule: Schedule,
    visit_type: VisitType,
    *,
    start: datetime,
    blocked: Collection[Interval],
    now: datetime,
) -> None:
    """That this is one of the free slots. `blocked` as in `free_slots`.

    Raises NotOfferedError, SlotTakenError.
    """
    if start < now:
        raise NotOfferedError("past")
    if start < now + visit_type.notice:
        raise NotOfferedError("too-soon")
    if start >= now + visit_type.horizon:
        raise NotOfferedError("too-far")
    needed = visit_type.blocked(start)
    if any(needed.overlaps(one) for one in blocked):
        raise SlotTakenError(start.isoformat())
    visit = visit_type.visit(start)
    if visit not in _grid(schedule, visit_type, window=visit):
        raise NotOfferedError("not-working")


def _grid(schedule: Schedule, visit_type: VisitType, *, window: Interval) -> Iterator[Interval]:
    """Every visit of this kind that could ever be booked and starts within the window."""
    for day in days_between(window, schedule.zone_info):
        for times in working_times(schedule, day):
            start = times.start
            if start < window.start:
                start += -((start - window.start) // visit_type.step) * visit_type.step
            while start < window.end and start + visit_type.length <= times.end:
                yield visit_type.visit(start)
                start += visit_type.step
