"""Which reminders an appointment gets, and when: never early, never after the start, never in somebody's night."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appointments.quiet_hours import QuietHours

DEFAULT_BEFORE = (timedelta(hours=24), timedelta(hours=2), timedelta(minutes=10))
_TOO_CLOSE = timedelta(minutes=2)
"""Before the start: whoever isn't there yet gains nothing from being told now."""


@dataclass(frozen=True, slots=True)
class ReminderRules:
    """How long before the start the clinic reminds: `by_visit_type` where a kind of visit has its own."""

    before: tuple[timedelta, ...] = DEFAULT_BEFORE
    by_visit_type: Mapping[str, tuple[timedelta, ...]] = field(default_factory=dict)

    def for_person(self, visit_type: str, own: Collection[timedelta] | None = None) -> tuple[timedelta, ...]:
        """A person's `own` choice, also of none, is above the kind of visit's, which is above the clinic's."""
        chosen = self.by_visit_type.get(visit_type, self.before) if own is None else own
        return tuple(sorted(set(chosen), reverse=True))


@dataclass(frozen=True, slots=True, order=True)
class Reminder:
    """One to come: at `at`. `before` says which one it is, also when quiet hours made it come sooner."""

    at: datetime
    before: timedelta


def reminders(
    *,
    start: datetime,
    before: Collection[timedelta],
    now: datetime,
    quiet: QuietHours | None = None,
) -> list[Reminder]:
    """The reminders that are still to come of an appointment made or moved `now`, the first one first.

    One whose time has passed already is not sent: the booking itself said it. One that would fall into quiet hours
    comes right before they begin, or not at all when that has passed, or another one comes then.
    """
    planned: dict[datetime, Reminder] = {}
    for span in sorted(before):
        at = start - span
        if quiet is not None and quiet.is_quiet(at):
            at = quiet.last_before(at)
        if span > timedelta(0) and now < at < start:
            planned.setdefault(at, Reminder(at, span))
    return sorted(planned.values())


def is_worth_sending(
    reminder: Reminder, *, start: datetime, now: datetime, later: Collection[datetime]
) -> bool:
    """Whether one that is due is still of use `now`, maybe late because nothing ran.

    Not when the visit is about to begin or has begun, nor when one of the `later` ones is due too: that one says it.
    """
    is_last = not any(reminder.at < other <= now for other in later)
    left = start - now
    return left > timedelta(0) and (left >= _TOO_CLOSE or reminder.before <= _TOO_CLOSE) and is_last
