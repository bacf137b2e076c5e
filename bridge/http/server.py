"""The HTTP application: one route table, one wrapper for every request."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from aiohttp import web

from bots.i18n import LANGUAGES, Language
from bridge.http.care import end_care, put_care
from bridge.http.conversations import list_conversations
from bridge.http.endpoint import endpoint
from bridge.http.health import live, metrics, ready
from bridge.http.messages import read_conversation, refuse_read, refuse_send, send_message
from bridge.http.middleware import observing, refusing
from bridge.http.models import (
    CareAnswer,
    CarePath,
    ConversationPath,
    ConversationsAnswer,
    HistoryAnswer,
    HistoryQuery,
    LiveAnswer,
    PageQuery,
    PutCare,
    ReadyAnswer,
    SendMessage,
    SentMessageAnswer,
)
from bridge.http.openapi import Document, openapi
from bridge.http.pages import docs_page, landing_page
from bridge.http.ports import Services
from bridge.http.problems import Problem
from bridge.http.routing import JSON, Answer, Context, Handler, Route

# A homeserver's transaction holds up to a hundred events of 64 KiB, and to-device messages beside them.
_MAX_TRANSACTION_BYTES = 64 * 1024 * 1024
_HTML = "text/html"

API_ROUTES = (
    Route(
        method="POST",
        path="/api/messages/send",
        operation="send_message",
        handler=send_message,
        scope="messages",
        acts=True,
        body_model=SendMessage,
        refuse=refuse_send,
        answers={201: SentMessageAnswer},
        problems=(
            Problem.NOT_FOUND,
            Problem.NOT_IN_CARE_TEAM,
            Problem.MESSAGE_REFUSED,
            Problem.MESSAGE_TOO_LARGE,
        ),
    ),
    Route(
        method="GET",
        path="/api/messages/conversation/{conversation_id}",
        operation="read_conversation",
        handler=read_conversation,
        scope="messages",
        acts=True,
        path_model=ConversationPath,
        query_model=HistoryQuery,
        refuse=refuse_read,
        answers={200: HistoryAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/api/conversations",
        operation="list_conversations",
        handler=list_conversations,
        scope="messages",
        acts=True,
        answers={200: ConversationsAnswer},
    ),
    Route(
        method="PUT",
        path="/api/care/{patient}/{professional}",
        operation="put_care",
        handler=put_care,
        scope="care",
        path_model=CarePath,
        body_model=PutCare,
        answers={200: CareAnswer, 201: CareAnswer},
    ),
    Route(
        method="DELETE",
        path="/api/care/{patient}/{professional}",
        operation="end_care",
        handler=end_care,
        scope="care",
        path_model=CarePath,
        answers={204: None},
    ),
    Route(
        method="GET",
        path="/health/live",
        operation="live",
        handler=live,
        answers={200: LiveAnswer},
    ),
    Route(
        method="GET",
        path="/health/ready",
        operation="ready",
        handler=ready,
        answers={200: ReadyAnswer, 503: ReadyAnswer},
    ),
    Route(
        method="GET",
        path="/metrics",
        operation="metrics",
        handler=metrics,
        answers={200: "text/plain"},
    ),
)


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
        if route.method == "GET":
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app.add_routes(services.appservice_routes)
    return app
