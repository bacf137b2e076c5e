"""docs/settings.md, made from the settings' models (bridge/settings.py)."""

# ruff: noqa: INP001 beside a script

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bridge.settings import Settings

_INTRODUCTION = """\
# Settings

Made by `make docs` from `bridge/settings.py`. [operators.md](operators.md) says what they are for;
`videoconsulta config check FILE` names every wrong one. A section that is left out has its defaults; — has to be
given where its section is. `*` is a language, `es` or `en`.

"""


def page() -> str:
    """The whole document, in Markdown."""
    lines = ["| setting | default | what it is |", "| --- | --- | --- |", *_rows(Settings, "")]
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        section = _section(field.annotation)
        if section is None:
            yield f"| `{path}` | {_default(field)} | {_cell(field.description or '')} |"
        else:
            of_section = _cell((section.__doc__ or "").split("\n\n")[0])
            yield f"| **`{path}`** | {'—' if field.is_required() else ''} | {of_section} |"
            is_by_language = get_origin(field.annotation) is dict
            yield from _rows(section, f"{path}.*." if is_by_language else f"{path}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "—"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ("", [], {}):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{_cell(shown)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
