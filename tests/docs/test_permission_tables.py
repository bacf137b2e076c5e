"""docs/permissions.md: it says what the code decides."""

from appointments.permissions import TABLE
from bridge.http.server import route_table
from tests.docs.generated import DOCS, module


def page() -> str:
    """The document as `make docs` writes it."""
    made: str = module("permission_tables").page([route for route in route_table() if route.documented])
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
