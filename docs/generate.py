"""Writes the generated reference: `make docs`."""
# ruff: noqa: INP001 a script

import json
from importlib.metadata import version
from pathlib import Path

import permission_tables
import setting_tables

from bots.rpc import schemas
from bridge.http.openapi import openapi
from bridge.http.server import route_table


def main() -> None:
    """Write openapi.json, the API in English as a running bridge serves it, permissions.md and settings.md."""
    routes = [route for route in route_table() if route.documented]
    document = openapi(routes, language="en", version=version("videoconsulta"))
    path = Path(__file__).with_name("openapi.json")
    path.with_name("permissions.md").write_text(permission_tables.page(routes), encoding="utf-8")
    path.with_name("settings.md").write_text(setting_tables.page(), encoding="utf-8")
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_matrix_schemas()


def write_matrix_schemas() -> None:
    """Write docs/matrix/NAME.json: the JSON Schema of each event content of ours."""
    for name, schema in schemas().items():
        path = Path(__file__).parent / "matrix" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


main()
