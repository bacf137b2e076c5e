"""How a person wants to be told, as the API shows it (see models.py)."""

import re
from datetime import time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from appointments.quiet_hours import QuietHours
from bots.i18n import Language
from bridge.deliveries.preferences import DEFAULT_DELAY_MINUTES, Preferences
from bridge.http.models import AnswerModel, RequestModel

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CLOCK = WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$", "examples": ["22:00"]})
_MOST_MINUTES = 40_320


def _check_address(value: str) -> str:
    if _ADDRESS.fullmatch(value) is None:
        raise PydanticCustomError("invalid", "is no e-mail address")
    return value


def _check_zone(value: str) -> str:
    if value not in available_timezones():
        raise PydanticCustomError("invalid", "is no time zone")
    return value


def _parse_clock(value: object) -> object:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise PydanticCustomError("time-of-day", "is no time of day")
    return time.fromisoformat(value)


Clock = Annotated[
    time,
    BeforeValidator(_parse_clock),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    _CLOCK,
]
Address = Annotated[
    str,
    Field(max_length=254),
    AfterValidator(_check_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
Minutes = Annotated[int, Field(ge=1, le=_MOST_MINUTES)]


class _Email(RequestModel):
    address: Address | None = None
    enabled: bool = False

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if self.enabled and self.address is None:
            raise PydanticCustomError("missing", "needs an address")
        return self


class _Push(RequestModel):
    enabled: bool = True


class _Quiet(RequestModel):
    start: Clock
    end: Clock
    timezone: Annotated[str, AfterValidator(_check_zone)]

    @field_validator("end")
    @classmethod
    def _is_another(cls, value: time, info: ValidationInfo) -> time:
        if value == info.data.get("start"):
            raise PydanticCustomError("empty-quiet-hours", "is the start")
        return value


class _Reminders(RequestModel):
    enabled: bool = True
    minutes_before: Annotated[list[Minutes], Field(max_length=5)] | None = None


class PutPreferences(RequestModel):
    """All of it at once; what is left out has its default. Quiet hours go over midnight when `end` is smaller."""

    email: _Email = _Email()
    push: _Push = _Push()
    language: Language = "es"
    delay_minutes: Annotated[int, Field(ge=0, le=1440)] = DEFAULT_DELAY_MINUTES
    quiet_hours: _Quiet | None = None
    reminders: _Reminders = _Reminders()

    def said(self) -> Preferences:
        """What the person wants."""
        quiet, before = self.quiet_hours, self.reminders.minutes_before
        return Preferences(
            address=self.email.address,
            email=self.email.enabled,
            push=self.push.enabled,
            language=self.language,
            delay_minutes=self.delay_minutes,
            quiet_hours=None
            if quiet is None
            else QuietHours(quiet.start, quiet.end, ZoneInfo(quiet.timezone)),
            reminders=self.reminders.enabled,
            minutes_before=None if before is None else tuple(before),
        )


class PreferencesAnswer(AnswerModel):
    """How the person wants to be told."""

    email: _Email
    push: _Push
    language: Language
    delay_minutes: int
    quiet_hours: _Quiet | None
    reminders: _Reminders


class UnsubscribePath(RequestModel):
    """The token of a mail's link."""

    token: Annotated[str, Field(min_length=1, max_length=512)]


def shown(wanted: Preferences) -> PreferencesAnswer:
    """The answer."""
    quiet, before = wanted.quiet_hours, wanted.minutes_before
    return PreferencesAnswer(
        email=_Email(address=wanted.address, enabled=wanted.email),
        push=_Push(enabled=wanted.push),
        language=wanted.language,
        delay_minutes=wanted.delay_minutes,
        quiet_hours=None
        if quiet is None or quiet.is_never
        else _Quiet(start=quiet.start, end=quiet.end, timezone=quiet.timezone.key),
        reminders=_Reminders(
            enabled=wanted.reminders, minutes_before=None if before is None else list(before)
        ),
    )
