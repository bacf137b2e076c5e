"""Around every request: its id, its log line, its numbers; exceptions become problem documents; headers."""

import json
import logging
import re
import secrets
import time
from functools import cache

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from bridge.http.endpoint import language_of
from bridge.http.headers import REQUEST_ID, secure
from bridge.http.problems import Problem, ProblemError, problem_response
from bridge.http.refusals import as_problem
from bridge.logs import request_id

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNREAD = {
    Problem.BODY_TOO_LARGE,
    Problem.BAD_REQUEST,
    Problem.ATTACHMENT_TOO_LARGE,
    Problem.ATTACHMENT_TYPE,
}
_ERRCODES = {
    Problem.NOT_FOUND: "M_UNRECOGNIZED",
    Problem.METHOD_NOT_ALLOWED: "M_UNRECOGNIZED",
    Problem.BODY_TOO_LARGE: "M_TOO_LARGE",
    Problem.TOO_MANY_REQUESTS: "M_LIMIT_EXCEEDED",
}
_log = logging.getLogger("bridge.http")


def observing(registry: CollectorRegistry) -> Middleware:
    """Outermost: gives the request an id, logs and counts it by its route, never by its path."""
    count = Counter("http_requests", "Answers", ("method", "route", "status"), registry=registry)
    duration = Histogram("http_request_seconds", "Time to answer", ("method", "route"), registry=registry)
    # There are as many of them as the registry keeps anyway.
    count_of, duration_of = cache(count.labels), cache(duration.labels)

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID, "")
        current = given if _ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8)
        request_id.set(current)
        started = time.monotonic()
        response = await handler(request)
        took = time.monotonic() - started
        response.headers[REQUEST_ID] = current
        method, route = _labels(request)
        count_of(method, route, response.status).inc()
        duration_of(method, route).observe(took)
        _log.info("%s %s %d %.1f ms", method, route, response.status, took * 1000)
        return response

    return observe


def _labels(request: web.Request) -> tuple[str, str]:
    resource = request.match_info.route.resource
    # Unknown paths and methods are the caller's words: they are no labels.
    return (request.method, resource.canonical) if resource is not None else ("other", "none")


@web.middleware
async def refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns exceptions into problem documents, and sets the headers that every answer has."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - the one place where every exception becomes an answer
        response = _refusal(request, error)
    secure(response)
    return response


def _refusal(request: web.Request, error: Exception) -> web.StreamResponse:
    problem = as_problem(error)
    if problem.problem is Problem.INTERNAL:
        _log.error("an unforeseen exception", exc_info=error)
    elif problem.problem is Problem.UNAVAILABLE:
        _log.warning("not available", exc_info=error)
    if request.path.startswith("/_matrix/"):
        return _matrix_error(problem)
    response = problem_response(problem, language_of(request))
    if problem.problem in _UNREAD:
        # The rest of the body is still on its way: nothing sensible can follow on this connection.
        response.force_close()
    return response


def _matrix_error(error: ProblemError) -> web.Response:
    """A standard error response (Matrix client-server API, 2.3): homeservers read no problem documents."""
    problem = error.problem
    errcode = _ERRCODES.get(problem, "M_UNKNOWN")
    return web.Response(
        status=problem.status,
        body=json.dumps({"errcode": errcode, "error": problem.slug}).encode(),
        content_type="application/json",
        headers=error.headers,
    )
