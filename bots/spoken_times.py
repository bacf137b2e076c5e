"""Times in words for people: «jueves 3 de diciembre, 10:20»."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bots.i18n import Language

_WEEKDAYS: Mapping[Language, tuple[str, ...]] = {
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS: Mapping[Language, tuple[str, ...]] = {
    "es": (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


def spoken(at: datetime, *, zone: ZoneInfo, language: Language) -> str:
    """Day and time on the reader's clock, without the year: appointments are months away at most."""
    there = at.astimezone(zone)
    return f"{spoken_day(at, zone=zone, language=language)}, {there:%H:%M}"


def spoken_day(at: datetime, *, zone: ZoneInfo, language: Language) -> str:
    """The day alone."""
    there = at.astimezone(zone)
    weekday, month = _WEEKDAYS[language][there.weekday()], _MONTHS[language][there.month - 1]
    return f"{weekday} {there.day} de {month}" if language == "es" else f"{weekday} {there.day} {month}"
