"""Options and kinds of values that several commands share."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from appointments.care import CareRelationship
from appointments.representation import Representation
from bridge.http.fields import MAX_REASON, MAX_ROLE, UserId, check_words, format_instant, parse_instant
from bridge.settings import Settings, load_settings

_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


class UserIdType(click.ParamType[str]):
    """A Matrix user id."""

    name = "user id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id as it came."""
        try:
            return _USER_ID.validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} is no Matrix user id such as @garcia:hospital.example", param, ctx)


class WordsType(click.ParamType[str]):
    """Words of so many characters at most, as the API takes them; of a single line, for what lists show."""

    name = "text"

    def __init__(self, *, longest: int, several_lines: bool = False) -> None:
        self._longest = longest
        self._several_lines = several_lines

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words as they came."""
        try:
            words = check_words(value)
        except PydanticCustomError as error:
            self.fail(error.message(), param, ctx)
        if len(words) > self._longest:
            self.fail(f"has more than {self._longest} characters", param, ctx)
        if not self._several_lines and not {"\n", "\t"}.isdisjoint(words):
            self.fail("has more than one line, or a tab", param, ctx)
        return words


class InstantType(click.ParamType[datetime]):
    """A date and time with an offset."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant in UTC."""
        try:
            return parse_instant(value)
        except PydanticCustomError:
            self.fail(f"{value!r} is no time with an offset such as 2026-11-23T09:00:00+01:00", param, ctx)


class TimezoneType(click.ParamType[str]):
    """The name of a time zone."""

    name = "time zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it came."""
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone such as Europe/Madrid", param, ctx)


USER_ID = UserIdType()
INSTANT = InstantType()
TIMEZONE = TimezoneType()
ROLE = WordsType(longest=MAX_ROLE)
NAME = WordsType(longest=200)
_REASON = WordsType(longest=MAX_REASON, several_lines=True)


def _load(ctx: click.Context, param: click.Parameter, value: Path) -> Settings:
    del ctx, param
    return load_settings(value)


settings_option = click.option(
    "--config",
    "settings",
    type=click.Path(path_type=Path),
    default=Path("videoconsulta.yaml"),
    show_default=True,
    envvar="VIDEOCONSULTA_CONFIG",
    show_envvar=True,
    callback=_load,
    help="The settings file.",
)


def period_options(command: Callable[..., None]) -> Callable[..., None]:
    """From when, until when and why something holds: `starts`, `ends` and `reason`."""
    for option in (
        click.option("--reason", type=_REASON, help="Why; sealed in our database."),
        click.option("--until", "ends", type=INSTANT, help="When it ends (exclusive); open when left out."),
        click.option("--from", "starts", type=INSTANT, help="When it starts; now when left out."),
    ):
        command = option(command)
    return command


def period_columns(held: CareRelationship | Representation, *, now: datetime) -> tuple[str, str, str]:
    """From, until and state, as lists show them."""
    until = "open" if held.ends is None else format_instant(held.ends)
    return format_instant(held.starts), until, "active" if held.is_active(now) else "not active"
