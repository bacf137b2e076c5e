"""Homeserver configuration from the templates in `synapse-config/`.

`python -m bridge.demo.templates portal.yaml.j2 values.yaml > homeserver.yaml` is the operator's way to it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jinja2
import yaml

from bridge.demo.errors import DemoError

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
        raise TemplateError(f"there is no template {error.message}") from error
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
        template, values = arguments
        sys.stdout.write(render(template, yaml.safe_load(Path(values).read_text(encoding="utf-8"))))
    except ValueError:
        sys.exit(_USAGE)
    except (TemplateError, OSError, yaml.YAMLError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
