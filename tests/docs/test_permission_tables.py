"""docs/permissions.md: it says what the code decides."""

import importlib.util
from pathlib import Path

from appointments.permissions import TABLE
from bridge.http.server import route_table

DOCS = Path(__file__).parents[2] / "docs"


def page() -> str:
    """The document as `make docs` writes it."""
    spec = importlib.util.spec_from_file_location("permission_tables", DOCS / "permission_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: str = module.page([route for route in route_table() if route.documented])
    return made


def test_the_document_is_the_table() -> None:
    """Whoever changes a permission runs `make docs`."""
    assert (DOCS / "permissions.md").read_text(encoding="utf-8") == page()


def test_every_row_and_operation_is_there() -> None:
    """None is left out."""
    lines = page().splitlines()
    assert len([line for line in lines if "| yes |" in line or "404 `not-found`" in line]) >= len(TABLE)
    for route in route_table():
        assert not route.documented or any(f"`{route.method} {route.path}`" in line for line in lines)
