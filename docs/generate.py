"""Writes the generated reference: `make docs`."""
# ruff: noqa: INP001 a script

import json
from importlib.metadata import version
from pathlib import Path

from bridge.http.openapi import openapi
from bridge.http.server import route_table


def main() -> None:
    """Write docs/openapi.json: the API in English, as a running bridge serves it at /openapi.json."""
    routes = [route for route in route_table() if route.documented]
    document = openapi(routes, language="en", version=version("videoconsulta"))
    path = Path(__file__).with_name("openapi.json")
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


main()
