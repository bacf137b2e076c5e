"""The day in a text: «el jueves», «pasado mañana», "next week", «el 3 de diciembre», 3/12."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from bots.when_text import Text
from bots.when_words import MONTHS, NUMBERS, OF_PART, WEEKDAYS

_WEEK = 7
_HUNDRED = 100
_CENTURY = 2000
_LONGEST_MONTH = 31
_NAMES = "|".join(WEEKDAYS)
_MONTHS = "|".join(MONTHS)
_COUNT = r"(\d{1,2}|" + "|".join(NUMBERS) + ")"
_ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])")
_SLASHES = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d{2}))?(?![\d/])")
_DAY_MONTH = re.compile(
    rf"\b(?:dia\s+)?(\d{{1,2}}|uno|primero)(?:st|nd|rd|th)?\s+(?:de\s+|of\s+)?({_MONTHS})\b(?:\s+(?:del?\s+)?(\d{{4}}))?"
)
_MONTH_DAY = re.compile(rf"\b({_MONTHS})\s+(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\b(?:\s+(\d{{4}}))?")
_DAY_OF_MONTH = re.compile(
    r"\b(?:el\s+(?:dia\s+)?|dia\s+|the\s+|on\s+the\s+)(\d{1,2})(?:st|nd|rd|th)?\b(?![:./])"
)
# Not «jueves 10:30», «jueves 9 y media», "Thursday 3 pm", «jueves 5 de la tarde», which are times; but «martes 1 por
# la tarde» is a day, and so is "Thursday 26 in the morning".
_HOUR_OF_PART = rf"(?:0?\d|1[0-2])\s+{OF_PART}"
_WEEKDAY_DAY = re.compile(
    rf"\b({_NAMES})\s+(?:(?:dia|the)\s+|(?!{_HOUR_OF_PART}))(\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"(?!\s*(?:[:./-]|(?:[ap]m|hs?|horas|o\s+clock|y|menos)\b))"
)
_IN = re.compile(rf"\b(?:dentro\s+de|in|de\s+aqui\s+a|en)\s+{_COUNT}\s+(dias?|days?|semanas?|weeks?)\b")
_WEEKDAY = re.compile(rf"\b(?:(next|proximo|este|this)\s+)?({_NAMES})\b(\s+(?:que\s+viene|proximo))?")
_NEXT_WEEK = re.compile(
    r"\b(?:de\s+)?(?:la\s+)?(?:semana\s+(?:que\s+viene|proxima|siguiente)|proxima\s+semana|next\s+week|following\s+week)\b"
)
_THIS_WEEK = re.compile(r"\besta\s+(?:misma\s+)?semana\b|\bthis\s+week\b")
_NEXT_MONTH = re.compile(r"\bmes\s+(?:que\s+viene|proximo)\b|\bproximo\s+mes\b|\bnext\s+month\b")
_RELATIVE = (
    (re.compile(r"\bpasado\s+manana\b|\b(?:the\s+)?day\s+after\s+tomorrow\b"), 2),
    (re.compile(r"\bmanana\b|\btomorrow\b"), 1),
    (re.compile(r"\bhoy(?:\s+mismo)?\b|\btoday\b"), 0),
)


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` until the day before `until`."""

    first: date
    until: date


def take_date(text: Text, today: date) -> Days | None:
    """A date in digits, or with a month's name. Raises ValueError for one that there is not."""
    if found := text.take(_ISO):
        return _one(date(int(found[1]), int(found[2]), int(found[3])))
    if found := text.take(_SLASHES):
        return _one(_date(found[1], int(found[2]), found[3], today))
    if found := text.take(_DAY_MONTH):
        return _one(_date(found[1], MONTHS[found[2]], found[3], today))
    if found := text.take(_MONTH_DAY):
        return _one(_date(found[2], MONTHS[found[1]], found[3], today))
    if found := text.take(_WEEKDAY_DAY):
        return _one(_day_of_month(int(found[2]), today, weekday=WEEKDAYS[found[1]]))
    return None


def take_days(text: Text, today: date) -> Days | None:
    """Any other words for days; after the time of day was taken, since «mañana» is both."""
    week = _take_week(text, today)
    weekday = text.take(_WEEKDAY)
    if weekday is not None:
        return _weekday(weekday, week, today)
    if week is not None:
        return week
    if text.take(_NEXT_MONTH):
        first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return Days(first, (first + timedelta(days=32)).replace(day=1))
    if found := text.take(_IN):
        count = int(found[1]) if found[1].isdecimal() else NUMBERS[found[1]]
        return _one(today + timedelta(days=count * (_WEEK if found[2][0] in "sw" else 1)))
    for pattern, days in _RELATIVE:
        if text.take(pattern):
            return _one(today + timedelta(days=days))
    found = text.take(_DAY_OF_MONTH)
    return None if found is None else _one(_day_of_month(int(found[1]), today))


def agrees(text: Text, days: Days) -> bool:
    """Whether a weekday that stands beside a date is that date's."""
    found = text.take(_WEEKDAY)
    return found is None or WEEKDAYS[found[2]] == days.first.weekday()


def _take_week(text: Text, today: date) -> Days | None:
    monday = today - timedelta(days=today.weekday())
    if text.take(_NEXT_WEEK):
        return Days(monday + timedelta(weeks=1), monday + timedelta(weeks=2))
    return Days(today, monday + timedelta(weeks=1)) if text.take(_THIS_WEEK) else None


def _weekday(found: re.Match[str], week: Days | None, today: date) -> Days:
    number = WEEKDAYS[found[2]]
    if week is not None:
        return _one(week.first + timedelta(days=(number - week.first.weekday()) % _WEEK))
    is_next = found[1] in ("next", "proximo") or found[3] is not None
    ahead = (number - today.weekday()) % _WEEK
    return _one(today + timedelta(days=_WEEK if is_next and ahead == 0 else ahead))


def _date(day: str, month: int, year: str | None, today: date) -> date:
    number = int(day) if day.isdecimal() else 1
    if year is not None:
        return date(int(year) + (_CENTURY if int(year) < _HUNDRED else 0), month, number)
    # Without a year: the next such date, which for the 29th of February may be years away.
    for candidate in range(today.year, today.year + 9):
        try:
            found = date(candidate, month, number)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(day)


def _day_of_month(number: int, today: date, *, weekday: int | None = None) -> date:
    if not 1 <= number <= _LONGEST_MONTH:
        raise ValueError(number)
    day = today
    while day.day != number:
        day += timedelta(days=1)
    if weekday not in (None, day.weekday()):
        raise ValueError(number)
    return day


def _one(day: date) -> Days:
    return Days(day, day + timedelta(days=1))
