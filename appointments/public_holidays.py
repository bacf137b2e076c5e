"""Public holidays of a country or a part of it, from the `holidays` library."""

from dataclasses import dataclass
from datetime import date
from functools import cache

from holidays import HolidayBase, country_holidays


@dataclass(frozen=True, slots=True)
class Region:
    """A country (ISO 3166-1, such as `ES`) and maybe a part of it (ISO 3166-2 without the country, such as `MD`)."""

    country: str
    subdivision: str | None = None


def is_known_region(region: Region) -> bool:
    """Whether its holidays are known."""
    try:
        _holidays(region)
    except NotImplementedError:
        return False
    return True


def is_public_holiday(region: Region, day: date) -> bool:
    """Whether this day is one there."""
    return day in _holidays(region)


@cache
def _holidays(region: Region) -> HolidayBase:
    # A year's holidays are worked out when the first day of it is asked for.
    return country_holidays(region.country, subdiv=region.subdivision)
