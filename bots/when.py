"""Understanding times as people write them, in Spanish and English: «el jueves a las 10» → an instant.

What a text says is taken out of it piece by piece; when something is left that could mean more, it is not
understood: better to ask than to book another time.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.intervals import Interval
from bots.when_clock import DAY, Clock, take_clock
from bots.when_days import Days, agrees, take_date, take_days
from bots.when_text import Text
from bots.when_words import FILLERS, SOONEST

_SOONEST = re.compile(rf"\b(?:{'|'.join(SOONEST)})\b")
_ANY_TIME_AHEAD = timedelta(days=365)
_LONGEST = 200
_WHOLE_DAY = Clock(0, DAY)

Understood = Interval | datetime
"""A span in which somebody wants to start, or the very instant."""


def understood(text: str, *, now: datetime, zone: ZoneInfo) -> Understood | None:
    """What this text means for somebody in this zone, `now`; never what has passed. None when not understood.

    A weekday or a time of day without more is the next one; a part of a day that is going on begins now.
    """
    words = Text(text[:_LONGEST])
    today = now.astimezone(zone).date()
    is_soonest = words.take(_SOONEST) is not None
    try:
        days = take_date(words, today)
        clock = take_clock(words)
        if days is None:
            days = take_days(words, today)
        elif not agrees(words, days):
            return None
        if any(word not in FILLERS for word in words.left):
            return None
        if days is None and clock is None:
            return Interval(now, now + _ANY_TIME_AHEAD) if is_soonest else None
        return _next(days, clock or _WHOLE_DAY, now, zone)
    except (ValueError, OverflowError):  # a time or a date that there is not
        return None


def _next(days: Days | None, clock: Clock, now: datetime, zone: ZoneInfo) -> Understood | None:
    if days is not None:
        return _ahead(days, clock, now, zone)
    today, day = now.astimezone(zone).date(), timedelta(days=1)
    return _ahead(Days(today, today + day), clock, now, zone) or _ahead(
        Days(today + day, today + 2 * day), clock, now, zone
    )


def _ahead(days: Days, clock: Clock, now: datetime, zone: ZoneInfo) -> Understood | None:
    """What lies ahead of it; None when nothing does."""
    start = _instant(days.first, clock.start, zone)
    if clock.until is None:
        return start if start > now else None
    end = _instant(days.until - timedelta(days=1), clock.until, zone)
    return Interval(max(start, now), end) if max(start, now) < end else None


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """What the clock there shows, as an instant; of a time that comes twice the first, of one left out the next."""
    at = datetime.combine(day + timedelta(days=minutes // DAY), time(minutes % DAY // 60, minutes % 60), zone)
    return datetime.fromtimestamp(at.timestamp(), tz=zone)
