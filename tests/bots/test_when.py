"""Times as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.intervals import Interval
from bots.when import understood

MADRID = ZoneInfo("Europe/Madrid")
WEDNESDAY = datetime(2026, 11, 25, 11, 15, tzinfo=MADRID)

# What is written, and what it means on Wednesday 25 November 2026 at 11:15 in Madrid.
PHRASINGS = [
    ("mañana por la tarde", "2026-11-26 14:00", "2026-11-26 21:00"),
    ("Mañana por la mañana", "2026-11-26 00:00", "2026-11-26 14:00"),
    ("mañana", "2026-11-26 00:00", "2026-11-27 00:00"),
    ("el jueves a las 10", "2026-11-26 10:00", None),
    ("EL JUEVES A LAS DIEZ", "2026-11-26 10:00", None),
    ("pasado mañana", "2026-11-27 00:00", "2026-11-28 00:00"),
    ("pasado manana a las 9:30", "2026-11-27 09:30", None),
    ("la semana que viene", "2026-11-30 00:00", "2026-12-07 00:00"),
    ("la próxima semana por la tarde", "2026-11-30 14:00", "2026-12-06 21:00"),
    ("el martes de la semana que viene", "2026-12-01 00:00", "2026-12-02 00:00"),
    ("el 3 de diciembre por la mañana", "2026-12-03 00:00", "2026-12-03 14:00"),
    ("jueves 3 de diciembre a las 12:20", "2026-12-03 12:20", None),
    ("3/12 a las 16h", "2026-12-03 16:00", None),
    ("2026-12-03 09:40", "2026-12-03 09:40", None),
    ("a las 5 y media de la tarde", "2026-11-25 17:30", None),
    ("a las 5", "2026-11-25 17:00", None),
    ("a las 10", "2026-11-26 10:00", None),
    ("a la una", "2026-11-25 13:00", None),
    ("hoy a las seis menos cuarto", "2026-11-25 17:45", None),
    ("el lunes que viene a las nueve y cuarto", "2026-11-30 09:15", None),
    ("el próximo miércoles", "2026-12-02 00:00", "2026-12-03 00:00"),
    ("este viernes a mediodía", "2026-11-27 12:00", "2026-11-27 15:00"),
    ("esta tarde", "2026-11-25 14:00", "2026-11-25 21:00"),
    ("hoy", "2026-11-25 11:15", "2026-11-26 00:00"),
    ("el día 15", "2026-12-15 00:00", "2026-12-16 00:00"),
    ("el 15 a las 11", "2026-12-15 11:00", None),
    ("dentro de tres días", "2026-11-28 00:00", "2026-11-29 00:00"),
    ("dentro de dos semanas por la tarde", "2026-12-09 14:00", "2026-12-09 21:00"),
    ("el viernes después de las 4", "2026-11-27 16:00", "2026-11-28 00:00"),
    ("mañana antes de las 12", "2026-11-26 00:00", "2026-11-26 12:00"),
    ("el jueves entre las 10 y las 12", "2026-11-26 10:00", "2026-11-26 12:00"),
    ("mañana de 4 a 6", "2026-11-26 16:00", "2026-11-26 18:00"),
    ("mañana a primera hora", "2026-11-26 00:00", "2026-11-26 10:00"),
    ("¿Puede ser el viernes por la tarde, por favor?", "2026-11-27 14:00", "2026-11-27 21:00"),
    ("quisiera una cita para el lunes a las 10.30", "2026-11-30 10:30", None),
    ("lo antes posible", "2026-11-25 11:15", "2027-11-25 11:15"),
    ("el mes que viene", "2026-12-01 00:00", "2027-01-01 00:00"),
    ("el 2 de enero", "2027-01-02 00:00", "2027-01-03 00:00"),
    ("esta semana", "2026-11-25 11:15", "2026-11-30 00:00"),
    ("el jueves 26 a las 10", "2026-11-26 10:00", None),
    ("el martes 1 por la tarde", "2026-12-01 14:00", "2026-12-01 21:00"),
    ("lunes 9 de la mañana", "2026-11-30 09:00", None),
    ("el jueves 5 de la tarde", "2026-11-26 17:00", None),
    ("martes 1 de la tarde", "2026-12-01 13:00", None),
    ("el jueves 26 por la mañana", "2026-11-26 00:00", "2026-11-26 14:00"),
    ("desde las 9 hasta las 11 el viernes", "2026-11-27 09:00", "2026-11-27 11:00"),
    ("me viene bien el lunes a las 12", "2026-11-30 12:00", None),
    ("cuando puedan", "2026-11-25 11:15", "2027-11-25 11:15"),
    ("next Tuesday afternoon", "2026-12-01 12:00", "2026-12-01 18:00"),
    ("tomorrow at half past nine", "2026-11-26 09:30", None),
    ("tomorrow morning", "2026-11-26 00:00", "2026-11-26 12:00"),
    ("Thursday at 10", "2026-11-26 10:00", None),
    ("on Friday at quarter to five", "2026-11-27 16:45", None),
    ("the day after tomorrow at 5pm", "2026-11-27 17:00", None),
    ("next week", "2026-11-30 00:00", "2026-12-07 00:00"),
    ("December 3rd at 9:30 a.m.", "2026-12-03 09:30", None),
    ("3rd of December in the morning", "2026-12-03 00:00", "2026-12-03 12:00"),
    ("this afternoon", "2026-11-25 12:00", "2026-11-25 18:00"),
    ("Friday before noon", "2026-11-27 00:00", "2026-11-27 12:00"),
    ("Monday after 3", "2026-11-30 15:00", "2026-12-01 00:00"),
    ("between 10 and 12 on Thursday", "2026-11-26 10:00", "2026-11-26 12:00"),
    ("Thursday the 26th at 4pm", "2026-11-26 16:00", None),
    ("Monday 9 in the morning", "2026-11-30 09:00", None),
    ("on Thursday 5 in the afternoon", "2026-11-26 17:00", None),
    ("Thursday 3 in the afternoon", "2026-11-26 15:00", None),
    ("Friday 7 in the evening", "2026-11-27 19:00", None),
    ("Thursday 26 in the morning", "2026-11-26 00:00", "2026-11-26 12:00"),
    ("Tuesday 1st in the afternoon", "2026-12-01 12:00", "2026-12-01 18:00"),
    ("Tuesday the 1 in the afternoon", "2026-12-01 12:00", "2026-12-01 18:00"),
    ("Can I come on Friday at 4?", "2026-11-27 16:00", None),
    ("any slots on Friday?", "2026-11-27 00:00", "2026-11-28 00:00"),
    ("in two weeks", "2026-12-09 00:00", "2026-12-10 00:00"),
    ("as soon as possible please", "2026-11-25 11:15", "2027-11-25 11:15"),
    ("I'd like an appointment tomorrow at 11 o'clock", "2026-11-26 11:00", None),
]

NOT_UNDERSTOOD = [
    "",
    "me duele la cabeza",
    "con Lucía mañana",
    "ayer",
    "31/2",
    "a las 25:00",
    "el lunes 3 de diciembre",  # it is a Thursday
    "mañana de 6 a 4",
    "hoy a las 9",  # it is past eleven
    "3/13",
    "el jueves 27",  # which is a Friday
    "el jueves 9 y media",
    "el jueves o el viernes a las 10 o las 11",
    "no puedo el jueves",
    "anything but Monday",
    "2025-01-01",
]


def _at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=MADRID)


@pytest.mark.parametrize(("text", "start", "end"), PHRASINGS)
def test_real_phrasings(text: str, start: str, end: str | None) -> None:
    """What people write is understood: a span with its end, or a point without one."""
    meant = understood(text, now=WEDNESDAY, zone=MADRID)
    assert meant == (_at(start) if end is None else Interval(_at(start), _at(end)))


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_not_guessed(text: str) -> None:
    """Other words than those of times, impossible and past times: nothing, so that the assistant asks."""
    assert understood(text, now=WEDNESDAY, zone=MADRID) is None


def test_the_same_words_in_another_zone() -> None:
    """A person's words are read on her own clock: ten o'clock in Mexico City is not Madrid's."""
    mexico = ZoneInfo("America/Mexico_City")
    meant = understood("el jueves a las 10", now=WEDNESDAY, zone=mexico)
    assert meant == datetime(2026, 11, 26, 16, 0, tzinfo=UTC)


def test_days_on_which_the_clock_changes() -> None:
    """The longest and the shortest day have 25 and 23 hours; a time that is left out is the one after it."""
    before_spring = datetime(2027, 3, 27, 12, 0, tzinfo=MADRID)
    spring = understood("mañana", now=before_spring, zone=MADRID)
    assert isinstance(spring, Interval)
    assert spring.length == timedelta(hours=23)
    gap = understood("mañana a las 2:30", now=before_spring, zone=MADRID)
    assert gap == datetime(2027, 3, 28, 12, 30, tzinfo=UTC)  # of the afternoon, as a clinic would read it
    night = understood("mañana a las 2:30 am", now=before_spring, zone=MADRID)
    assert night == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    autumn = understood("mañana", now=datetime(2027, 10, 30, 12, 0, tzinfo=MADRID), zone=MADRID)
    assert isinstance(autumn, Interval)
    assert autumn.length == timedelta(hours=25)


def test_over_the_end_of_the_year() -> None:
    """What comes next may be in the next year."""
    eve = datetime(2026, 12, 31, 20, 0, tzinfo=MADRID)
    assert understood("mañana a las 10", now=eve, zone=MADRID) == _at("2027-01-01 10:00")
    assert understood("el 5", now=eve, zone=MADRID) == Interval(
        _at("2027-01-05 00:00"), _at("2027-01-06 00:00")
    )
    assert understood("la semana que viene", now=eve, zone=MADRID) == Interval(
        _at("2027-01-04 00:00"), _at("2027-01-11 00:00")
    )
    leap = understood("el 29 de febrero", now=eve, zone=MADRID)
    assert leap == Interval(_at("2028-02-29 00:00"), _at("2028-03-01 00:00"))


_INSTANTS = st.integers(min_value=1_577_836_800, max_value=3_786_912_000)
_PIECES = st.sampled_from(sorted({word for text, _, _ in PHRASINGS for word in text.split()}))


@given(st.text(max_size=60) | st.lists(_PIECES, max_size=7).map(" ".join), _INSTANTS)
def test_anything_may_be_written(text: str, at: int) -> None:
    """No text makes this fail, and what it means has never passed."""
    now = datetime.fromtimestamp(at, tz=UTC)
    meant = understood(text, now=now, zone=MADRID)
    assert meant is None or (meant.end if isinstance(meant, Interval) else meant) > now
