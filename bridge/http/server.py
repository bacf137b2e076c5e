"""The HTTP application: one route table, one wrapper for every request."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from aiohttp import web

from bots.i18n import LANGUAGES, Language
from bridge.http.endpoint import endpoint
from bridge.http.middleware import observing, refusing
from bridge.http.models import PageQuery
from bridge.http.openapi import Document, openapi
from bridge.http.pages import docs_page, landing_page
from bridge.http.ports import Services
from bridge.http.routes import API_ROUTES
from bridge.http.routing import JSON, Answer, Context, Handler, Route

# A homeserver's transaction holds up to a hundred events of 64 KiB, and to-device messages beside them.
_MAX_TRANSACTION_BYTES = 64 * 1024 * 1024
# A line that aiohttp refuses gets its own plain 400: up to here our refusals answer, problem documents all.
_MOST_LINE_BYTES = 65_536
_SHUTDOWN_S = 5.0
_HTML = "text/html"


@cache
def route_table() -> tuple[Route, ...]:
    """Every route of ours, the ones that describe the others too; made once, since nothing in it changes."""
    documents: dict[Language, Document] = {}
    described = (
        *API_ROUTES,
        Route(
            method="GET",
            path="/openapi.json",
            operation="openapi",
            handler=_serve_documents(documents),
            answers={200: JSON},
        ),
    )
    for language in LANGUAGES:
        documents[language] = openapi(described, language=language, version=version("videoconsulta"))
    return (
        *described,
        _page("/docs", docs_page(documents)),
        _page("/", landing_page()),
    )


def _page(path: str, handler: Handler) -> Route:
    return Route(
        method="GET",
        path=path,
        operation="page",
        handler=handler,
        query_model=PageQuery,
        answers={200: _HTML},
        documented=False,
    )


def _serve_documents(documents: Mapping[Language, Document]) -> Handler:
    # The document describes the route that serves it, so it is filled in after the table is made.
    async def openapi_document(context: Context) -> Answer:
        return Answer(body=json.dumps(documents[context.language], ensure_ascii=False).encode())

    return openapi_document


def build_app(services: Services) -> web.Application:
    """The application, with the homeserver's routes beside ours. It opens nothing."""
    app = web.Application(
        middlewares=[observing(services.registry), refusing], client_max_size=_MAX_TRANSACTION_BYTES
    )
    for route in route_table():
        handler = endpoint(route, services)
        # An id of ours has no dot: what ends in .ics is another resource, with other methods.
        path = route.path.replace("{id}", "{id:[^/.]+}")
        if route.method == "GET":
            app.router.add_get(path, handler)
        else:
            app.router.add_route(route.method, path, handler)
    app.add_routes(services.appservice_routes)
    return app


def runner_of(services: Services) -> web.AppRunner:
    """What runs the application, once it is set up and has a site."""
    return web.AppRunner(
        build_app(services),
        access_log=None,
        shutdown_timeout=_SHUTDOWN_S,
        # What it can't unpack it would refuse in plain text, before we see it; we refuse all of it.
        auto_decompress=False,
        max_line_size=_MOST_LINE_BYTES,
        max_field_size=_MOST_LINE_BYTES,
    )
