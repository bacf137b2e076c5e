"""Homeserver configuration from the templates in `synapse-config/`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jinja2

Role = Literal["portal", "hospital"]
Profile = Literal["tuned", "default"]


class TemplateError(Exception):
    """A value that the template needs is missing; the message names it."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """This template of `synapse-config/`, filled in. Raises TemplateError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_directory()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 it makes YAML, and every value passes through tojson
    )
    try:
        return environment.get_template(template).render(values)
    except jinja2.UndefinedError as error:
        raise TemplateError(f"{template}: {error.message}") from error


def _directory() -> Path:
    # In a wheel the templates lie beside this module; in a checkout at the top.
    packaged = Path(__file__).with_name("synapse-config")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "synapse-config"
