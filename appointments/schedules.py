"""What a professional offers: hours on her own clock, exceptions, public holidays, kinds of visits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from appointments.errors import BadScheduleError, UnknownVisitTypeError
from appointments.intervals import Interval
from appointments.public_holidays import Region, is_known_region

MIDNIGHT = time(0)
LONGEST_BLOCK = timedelta(days=1)
"""No visit, with its buffers, blocks more than this: what overlaps an instant began less than this before it."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From `opens` until `closes`, read on the professional's clock; `closes` at midnight is the end of the day."""

    opens: time
    closes: time

    @property
    def minutes(self) -> tuple[int, int]:
        """Both, as minutes since midnight; the end of the day is 1440."""
        opens, closes = (at.hour * 60 + at.minute for at in (self.opens, self.closes))
        return opens, closes or 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitType:
    """A kind of visit: how long it takes, what is kept free around it, how soon and how far ahead it is booked."""

    name: str
    length: timedelta
    buffer_before: timedelta = timedelta(0)
    buffer_after: timedelta = timedelta(0)
    notice: timedelta = timedelta(0)
    horizon: timedelta = timedelta(days=90)

    @property
    def step(self) -> timedelta:
        """From the start of one visit to that of the next."""
        return self.buffer_before + self.length + self.buffer_after

    def visit(self, start: datetime) -> Interval:
        """The visit that starts then."""
        return Interval(start, start + self.length)

    def blocked(self, start: datetime) -> Interval:
        """What that visit keeps from being booked: itself and its buffers."""
        return Interval(start - self.buffer_before, start + self.length + self.buffer_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a professional works and what can be booked with her.

    `weekly` has the hours of each weekday, Monday 0. The hours of a date in `exceptions` (none: she does not work)
    take the place of the weekday's, on a public holiday of `region` too. `time_to_answer`: how long an offer from
    the waiting list stands.
    """

    zone: str
    weekly: Mapping[int, Sequence[Hours]]
    visit_types: Sequence[VisitType]
    exceptions: Mapping[date, Sequence[Hours]]
    region: Region | None = None
    time_to_answer: timedelta = timedelta(hours=1)

    @property
    def zone_info(self) -> ZoneInfo:
        """The professional's zone."""
        return ZoneInfo(self.zone)

    def visit_type(self, name: str | None) -> VisitType:
        """The kind of visit of this name, the first one without a name. Raises UnknownVisitTypeError."""
        for one in self.visit_types:
            if name in (None, one.name):
                return one
        raise UnknownVisitTypeError([one.name for one in self.visit_types])


def check_schedule(schedule: Schedule) -> None:
    """Raises BadScheduleError, whose `field` says what to mend."""
    if schedule.zone not in available_timezones():
        raise BadScheduleError("zone")
    if schedule.region is not None and not is_known_region(schedule.region):
        raise BadScheduleError("holidays")
    if not all(_are_hours(hours) for hours in schedule.weekly.values()):
        raise BadScheduleError("weekly")
    if not all(_are_hours(hours) for hours in schedule.exceptions.values()):
        raise BadScheduleError("exceptions")
    names = [one.name for one in schedule.visit_types]
    if not names or len(set(names)) < len(names) or not all(map(_is_possible, schedule.visit_types)):
        raise BadScheduleError("visit_types")


def _are_hours(hours: Sequence[Hours]) -> bool:
    """Whether each ends after it begins, and none begins before the one before it ends."""
    instants = [minute for one in hours for minute in one.minutes]
    return instants == sorted(instants) and all(
        opens < closes for opens, closes in (h.minutes for h in hours)
    )


def _is_possible(one: VisitType) -> bool:
    spans = (one.buffer_before, one.buffer_after, one.notice, one.horizon)
    return one.length > timedelta(0) and min(spans) >= timedelta(0) and one.step <= LONGEST_BLOCK
