"""The time of day in a text: «a las 5 y media de la tarde», "half past nine", «entre las 10 y las 12»."""

import re
from dataclasses import dataclass

from bots.when_text import GAP, Text
from bots.when_words import NUMBERS, OF_PART, PARTS

DAY = 24 * 60
_NOON_HOUR = 12
_OPENING_HOUR = 8
"""An hour before it that nobody says more of is one of the afternoon: «a las 5»."""

_HOURS = "|".join(
    word for word, number in NUMBERS.items() if number <= _NOON_HOUR and word not in ("a", "an", "un")
)
_HOUR = rf"(?P<hour>\d{{1,2}}|{_HOURS})\b"
_OF_DAY = (
    r"(?:\s+(?:de|por|in|at)\s+(?:la\s+|the\s+)?"
    r"(?P<part>manana|tarde|noche|mediodia|morning|afternoon|evening|night))?"
)
_TAIL = rf"(?:\s*(?:hs?|hrs|horas|o clock|en punto)\b)?(?:\s*(?P<half>[ap]m)\b)?{_OF_DAY}(?![\d:/])"
_MINUTES = (
    r"(?:\s*[:.]\s*(?P<minutes>[0-5]\d)|\s+y\s+(?P<past>media|cuarto|cinco|diez|veinte)"
    r"|\s+menos\s+(?P<to>cuarto|cinco|diez|veinte))?"
)
_MORE = {"media": 30, "half": 30, "cuarto": 15, "quarter": 15, "cinco": 5, "diez": 10, "veinte": 20}

_POINTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:at\s+)?(?:a\s+)?(?:(?P<past>half|quarter)\s+past|(?P<to>quarter)\s+to)\s+{_HOUR}{_TAIL}",
        rf"\b(?:a\s+|sobre\s+|hacia\s+)?las?\s+{_HOUR}{_MINUTES}{_TAIL}",
        rf"(?:\bat|\baround|\babout|{re.escape(GAP)})\s*{_HOUR}(?:[:.](?P<minutes>[0-5]\d))?{_TAIL}",
        rf"(?<![\d/:.-])(?P<hour>\d{{1,2}})[:.](?P<minutes>[0-5]\d)\b{_TAIL}",
        rf"(?<![\d/:.-])(?P<hour>\d{{1,2}})\s*(?:(?P<half>[ap]m)|hs?|horas|o clock)\b{_OF_DAY}",
        rf"(?<![\d/:.-])(?<!\bel )(?<!\bdia )(?<!\bthe )(?P<hour>\d{{1,2}})\s+(?={OF_PART})",
    )
)
_NOON = re.compile(r"\b(?:at\s+)?noon\b")
_END = rf"(?:las?\s+)?(\d{{1,2}}|{_HOURS})(?:[:.]([0-5]\d))?(?:\s*h)?"
_BETWEEN = re.compile(rf"\b(?:entre|between|desde|de|from)\s+{_END}\s+(?:y|a|hasta|and|to|until)\s+{_END}\b")
_MORNING = re.compile(r"\b(?:(?:por|en|de|a|durante)\s+la|esta)\s+manana\b")
_OTHER_PARTS = "|".join(name for name in PARTS if name != "manana")
_PART = re.compile(
    rf"\b(?:(?:por|a|en|de|in|at)\s+)?(?:(?:la|el|the|esta|this)\s+)?(?P<part>{_OTHER_PARTS})\b"
)
_AFTER = re.compile(r"\b(?:despues\s+de|a\s+partir\s+de|desde|after(?!\s+tomorrow)|from)\b")
_BEFORE = re.compile(r"\b(?:antes\s+del?|before|until|hasta)\b")


@dataclass(frozen=True, slots=True)
class Clock:
    """Minutes since midnight, from and until; `until` is None for a point."""

    start: int
    until: int | None


def take_clock(text: Text) -> Clock | None:
    """The time of day that the text says, taken out of it; None when it says none.

    Raises ValueError for a time that there is not.
    """
    between = text.take(_BETWEEN)
    if between is not None:
        return _between(between)
    is_after, is_before = text.take(_AFTER), text.take(_BEFORE)
    point = _first(text)
    part = _take_part(text)
    if point is None and part is None:
        return None
    if point is None:
        start, until = PARTS[str(part)]
        if is_after:
            return Clock(until % 24 * 60, DAY)
        return Clock(0, start * 60) if is_before else Clock(start * 60, until * 60)
    minutes = _NOON_HOUR * 60 if point.re is _NOON else _minutes(point.groupdict(), part)
    if is_after:
        return Clock(minutes, DAY)
    return Clock(0, minutes) if is_before else Clock(minutes, None)


def _first(text: Text) -> re.Match[str] | None:
    return next((found for pattern in (_NOON, *_POINTS) if (found := text.take(pattern))), None)


def _take_part(text: Text) -> str | None:
    if text.take(_MORNING):
        return "manana"
    found = text.take(_PART)
    return None if found is None else found["part"]


def _minutes(said: dict[str, str | None], part: str | None) -> int:
    hour = _on_the_day(_number(str(said["hour"])), said.get("half"), said.get("part") or part)
    past, to = said.get("past"), said.get("to")
    minutes = hour * 60 + int(said.get("minutes") or 0)
    return _checked(minutes + (_MORE[past] if past else 0) - (_MORE[to] if to else 0))


def _on_the_day(hour: int, half: str | None, part: str | None) -> int:
    """Which of the clock's two rounds is meant: what is said of it decides, else the hours of a clinic do."""
    if hour > _NOON_HOUR or hour == 0:
        return hour
    if half is not None:
        return hour % _NOON_HOUR + (_NOON_HOUR if half == "pm" else 0)
    if part is not None and PARTS[part][0] == 0:
        return hour
    if part is not None:
        return hour % _NOON_HOUR + _NOON_HOUR
    return hour if hour >= _OPENING_HOUR else hour + _NOON_HOUR


def _between(found: re.Match[str]) -> Clock:
    first, first_minutes, second, second_minutes = found.groups()
    start = _on_the_day(_number(first), None, None) * 60 + int(first_minutes or 0)
    until = _on_the_day(_number(second), None, None) * 60 + int(second_minutes or 0)
    if not start < until:
        raise ValueError(found[0])
    return Clock(_checked(start), _checked(until))


def _checked(minutes: int) -> int:
    if not 0 <= minutes < DAY:
        raise ValueError(minutes)
    return minutes


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS[word]
