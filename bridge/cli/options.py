"""Options and kinds of values that several commands share."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from bridge.http.fields import UserId, parse_instant
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
