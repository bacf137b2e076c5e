"""What schedules and slots look like (see models.py)."""

import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from appointments.public_holidays import Region
from appointments.schedules import Hours, Schedule, VisitType
from bridge.http.fields import Count, InstantIn, InstantOut, UserId
from bridge.http.models import AnswerModel, RequestModel

_VISIT_TYPE = r"^[a-z][a-z0-9_-]{0,31}$"
_OPENS = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_CLOSES = r"^(?!00:00)(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def _parse_time(pattern: str) -> BeforeValidator:
    def parse(value: Any) -> time:
        if not isinstance(value, str) or re.fullmatch(pattern.removesuffix("$"), value) is None:
            raise PydanticCustomError("time-of-day", "is no time of day")
        return time.fromisoformat(value.replace("24:00", "00:00"))

    return BeforeValidator(parse)


def _parse_date(value: Any) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(_DATE.removesuffix("$"), value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date", "is no date")


def _check_visit_type(value: str) -> str:
    if re.fullmatch(_VISIT_TYPE.removesuffix("$"), value) is None:
        raise PydanticCustomError("visit-type", "is no name of a kind of visits")
    return value


def _closing(value: time) -> str:
    return value.strftime("%H:%M").replace("00:00", "24:00")


def _text(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Opens = Annotated[
    time,
    _parse_time(_OPENS),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    _text(_OPENS, "09:00"),
]
Closes = Annotated[
    time, _parse_time(_CLOSES), PlainSerializer(_closing, return_type=str), _text(_CLOSES, "17:00")
]
LocalDate = Annotated[
    date,
    BeforeValidator(_parse_date),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "pattern": _DATE, "examples": ["2026-12-24"]}),
]
VisitTypeName = Annotated[str, AfterValidator(_check_visit_type), _text(_VISIT_TYPE, "visit")]


class HoursModel(RequestModel):
    """Work from a time until another, on the professional's clock; `until` 24:00 is the end of the day."""

    opens: Opens = Field(alias="from")
    closes: Closes = Field(alias="until")


HoursOfDay = Annotated[list[HoursModel], Field(max_length=24)]
_NONE: HoursOfDay = Field(default=[])


class WeekModel(RequestModel):
    """The hours of each weekday."""

    monday: HoursOfDay = _NONE
    tuesday: HoursOfDay = _NONE
    wednesday: HoursOfDay = _NONE
    thursday: HoursOfDay = _NONE
    friday: HoursOfDay = _NONE
    saturday: HoursOfDay = _NONE
    sunday: HoursOfDay = _NONE


class ExceptionModel(RequestModel):
    """The hours of one date, in place of its weekday's; none: a day off."""

    day: LocalDate = Field(alias="date")
    hours: HoursOfDay = _NONE


class VisitTypeModel(RequestModel):
    """A kind of visit: its length, what is kept free around it, how soon and how far ahead it is booked."""

    name: VisitTypeName = "visit"
    length_min: Annotated[int, Field(ge=1, le=720)] = 20
    buffer_before_min: Annotated[int, Field(ge=0, le=240)] = 0
    buffer_after_min: Annotated[int, Field(ge=0, le=240)] = 0
    notice_min: Annotated[int, Field(ge=0, le=43_200)] = 0
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 90


class HolidaysModel(RequestModel):
    """Whose public holidays are days off: a country (ISO 3166-1) and maybe a part of it (ISO 3166-2)."""

    country: Annotated[str, Field(min_length=2, max_length=2)]
    subdivision: Annotated[str, Field(min_length=1, max_length=16)] | None = None


class ScheduleModel(RequestModel):
    """A schedule. `holidays` left out are those of the clinic's region, null is none."""

    zone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Madrid"])]
    weekly: WeekModel
    exceptions: Annotated[list[ExceptionModel], Field(max_length=1000)] = Field(default=[])
    visit_types: Annotated[list[VisitTypeModel], Field(min_length=1, max_length=50)] = Field(
        default=[VisitTypeModel()]
    )
    holidays: HolidaysModel | None = None
    answer_min: Annotated[
        int, Field(ge=1, le=10_080, description="How long an offer from the waiting list stands.")
    ] = 60

    def schedule(self, *, clinics: Region | None) -> Schedule:
        """What it says; `clinics` is the region of the clinic."""
        given = self.holidays
        region = None if given is None else Region(given.country, given.subdivision)
        return Schedule(
            zone=self.zone,
            weekly={n: _hours(getattr(self.weekly, name)) for n, name in enumerate(_WEEKDAYS)},
            exceptions={one.day: _hours(one.hours) for one in self.exceptions},
            visit_types=tuple(
                VisitType(
                    name=one.name,
                    length=one.length_min * _MINUTE,
                    buffer_before=one.buffer_before_min * _MINUTE,
                    buffer_after=one.buffer_after_min * _MINUTE,
                    notice=one.notice_min * _MINUTE,
                    horizon=one.horizon_days * _DAY,
                )
                for one in self.visit_types
            ),
            region=region if "holidays" in self.model_fields_set else clinics,
            time_to_answer=self.answer_min * _MINUTE,
        )

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleModel":
        """The same, from a schedule."""
        region = schedule.region
        week: Any = {_WEEKDAYS[day]: _models(hours) for day, hours in schedule.weekly.items()}
        return cls.model_construct(
            zone=schedule.zone,
            weekly=WeekModel.model_construct(None, **week),
            exceptions=[
                ExceptionModel.model_construct(day=day, hours=_models(hours))
                for day, hours in sorted(schedule.exceptions.items())
            ],
            visit_types=[
                VisitTypeModel(
                    name=one.name,
                    length_min=one.length // _MINUTE,
                    buffer_before_min=one.buffer_before // _MINUTE,
                    buffer_after_min=one.buffer_after // _MINUTE,
                    notice_min=one.notice // _MINUTE,
                    horizon_days=one.horizon // _DAY,
                )
                for one in schedule.visit_types
            ],
            holidays=None
            if region is None
            else HolidaysModel(country=region.country, subdivision=region.subdivision),
            answer_min=schedule.time_to_answer // _MINUTE,
        )


def _hours(models: Sequence[HoursModel]) -> tuple[Hours, ...]:
    return tuple(Hours(one.opens, one.closes) for one in models)


def _models(hours: Sequence[Hours]) -> list[HoursModel]:
    return [HoursModel.model_construct(opens=one.opens, closes=one.closes) for one in hours]


class ProfessionalPath(RequestModel):
    """Whose schedule."""

    user_id: UserId


class SlotsQuery(RequestModel):
    """Which free slots: those that start in [from, to)."""

    start: InstantIn | None = Field(default=None, alias="from")
    end: InstantIn | None = Field(default=None, alias="to")
    visit_type: VisitTypeName | None = None
    limit: Annotated[Count, Field(ge=1, le=500)] = 50


class SlotAnswer(AnswerModel):
    """A time that can be booked now."""

    start: InstantOut
    end: InstantOut
    visit_type: str


class SlotsAnswer(AnswerModel):
    """Free slots, in order."""

    slots: list[SlotAnswer]


class SlotWithAnswer(SlotAnswer):
    """A time that can be booked now, and with whom."""

    professional: str


class AnySlotsAnswer(AnswerModel):
    """Free slots with any of several professionals, in order."""

    slots: list[SlotWithAnswer]
