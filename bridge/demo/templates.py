"""Homeserver configuration from the templates in `synapse-config/`.

`python -m bridge.demo.templates portal.yaml.j2 values.yaml > homeserver.yaml` is the operator's way to it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import jinja2

from bridge.demo.errors import DemoError
from bridge.settings import SettingsError, read_mapping

Role = Literal["portal", "hospital"]

_USAGE = "usage: python -m bridge.demo.templates TEMPLATE VALUES.yaml"


class TemplateError(DemoError):
    """A value that the template needs is missing; the message names it."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """This template of `synapse-config/`, filled in. Raises TemplateError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_directory()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 it makes YAML, and every value passes through tojson
    )
    environment.filters["tojson"] = _as_json
    try:
        return environment.get_template(template).render(values)
    except jinja2.TemplateNotFound as error:
        raise TemplateError(f"there is no template {template}") from error
    except jinja2.UndefinedError as error:
        raise TemplateError(f"{template}: {error.message}") from error


def template_directory() -> Path:
    """Where the templates are: in a wheel beside this module, in a checkout at the top."""
    packaged = Path(__file__).with_name("synapse-config")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "synapse-config"


def _as_json(value: Any) -> str:
    # JSON is YAML; Jinja's own filter would escape for HTML, and trip over what is missing.
    return str(value) if isinstance(value, jinja2.Undefined) else json.dumps(value, ensure_ascii=False)


def main(arguments: list[str]) -> None:
    """Print a filled in template; ends with one line when that can't be done."""
    try:
        template, file = arguments
    except ValueError:
        sys.exit(_USAGE)
    try:
        sys.stdout.write(render(template, _values(Path(file))))
    except (TemplateError, SettingsError) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")


def _values(file: Path) -> dict[str, Any]:
    values = read_mapping(file)
    if left := list(_left_as_they_were(values)):
        raise TemplateError(f"{file}: still to be changed: {', '.join(left)}")
    return values


def _left_as_they_were(values: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """The names of the secrets that are those of values/: everybody knows them."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _left_as_they_were(value, f"{place}{name}.")
        elif str(value).startswith("change me"):
            yield f"{place}{name}"


if __name__ == "__main__":
    main(sys.argv[1:])
