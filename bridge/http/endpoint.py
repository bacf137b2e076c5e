"""From an HTTP request to a handler and back: admit, parse, run once, answer.

The order of refusals is interfaces.md's: credentials, acting user, access (404, 403), validation.
"""

import hmac
import re
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from typing import Any

from aiohttp import web
from pydantic import BaseModel, SecretStr

from appointments.sealing import derive_key
from bots.i18n import Language, choose_language
from bridge.callers import idempotency
from bridge.http.auth import AUTHORIZATION, admit
from bridge.http.limits import address_of
from bridge.http.ports import Services
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.ranges import IF_RANGE, RANGE
from bridge.http.refusals import as_problem
from bridge.http.requests import parse, read_json, read_query
from bridge.http.routing import JSON, Answer, Context, Route, StreamAnswer
from bridge.http.streaming import streamed

IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
_VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class _Work:
    """A request that was admitted and understood."""

    context: Context
    models: dict[str, BaseModel]


def endpoint(route: Route, services: Services) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of this route. It raises what bridge.http.refusals knows."""

    async def handle(request: web.Request) -> web.StreamResponse:
        async with AsyncExitStack() as stack:
            answer = await (_log_in if route.logs_in else _run)(request, route, services, stack)
        if isinstance(answer, StreamAnswer):
            return await streamed(request, answer)
        return web.Response(
            status=answer.status,
            body=answer.body,
            headers={**answer.headers, **({"Content-Type": answer.content_type} if answer.body else {})},
        )

    return handle


async def _run(
    request: web.Request, route: Route, services: Services, stack: AsyncExitStack
) -> Answer | StreamAnswer:
    work = await _understand(request, route, services)
    if route.receive is not None:
        work.models["body"] = await stack.enter_async_context(route.receive(work.context, request))
    if IDEMPOTENCY_KEY in request.headers and route.takes_idempotency_key:
        return await _run_once(request, route, work)
    return await route.handler(work.context, **work.models)


async def _log_in(
    request: web.Request, route: Route, services: Services, stack: AsyncExitStack
) -> Answer | StreamAnswer:
    """As any request, but only so often."""
    address = address_of(request, proxies=services.settings.sessions.proxies_in_front)
    if AUTHORIZATION not in request.headers:
        services.logins.attempt(address)
    try:
        return await _run(request, route, services, stack)
    except Exception as error:
        if as_problem(error).problem is Problem.UNAUTHORIZED:
            services.logins.failed(address)
        raise


def language_of(request: web.Request) -> Language:
    """The language that the caller wants to read."""
    return choose_language(request.headers.get("Accept-Language"))


async def _understand(request: web.Request, route: Route, services: Services) -> _Work:
    context = Context(services=services, language=language_of(request), operation_id=uuid.uuid4().hex)
    if route.takes_credentials:
        context = replace(
            context,
            caller=await admit(request, route, services),
            last_event_id=request.headers.get(LAST_EVENT_ID),
            asked_range=request.headers.get(RANGE) if request.method == "GET" else None,
            if_range=request.headers.get(IF_RANGE),
            readmit=partial(admit, request, route, services),
        )
        if context.caller.kind != "nobody":  # who logs in is counted by address
            services.requests.request(context.counted_as)
    raw: dict[str, Any] = {"path": dict(request.match_info), "query": read_query(request)}
    if route.body_model is not None:
        is_left_out = route.body_is_optional and not request.body_exists
        limit = services.settings.http.max_body_bytes
        raw["body"] = {} if is_left_out else await read_json(request, limit=limit)
    return _Work(context=context, models=await _parse(route, context, raw))


async def _parse(route: Route, context: Context, raw: dict[str, Any]) -> dict[str, BaseModel]:
    parts = (
        ("path", route.path_model, "parameter"),
        ("query", route.query_model, "parameter"),
        ("body", route.body_model, "pointer"),
    )
    models: dict[str, BaseModel] = {}
    refused: ProblemError | None = None
    for name, model, place in parts:
        if model is None:
            continue
        try:
            models[name] = parse(model, raw[name], place=place)
        except ProblemError as error:
            refused = refused or error
    if refused is not None:
        if route.refuse is not None:
            await route.refuse(context, raw)
        raise refused
    return models


async def _run_once(request: web.Request, route: Route, work: _Work) -> Answer | StreamAnswer:
    services = work.context.services
    scope, request_hmac = _asked(request, work)
    claim = idempotency.Claim(
        database=services.database,
        sealer=services.sealer,
        scope=scope,
        request_hmac=request_hmac,
        instance_id=services.instance_id,
        operation_id=work.context.operation_id,
        now=services.now,
    )
    with services.running.hold(scope, request_hmac):
        try:
            return await _run_claimed(route, work, claim)
        except idempotency.AnsweredBeforeError as error:
            return Answer(status=error.answer.status, body=error.answer.body)
        except Exception:
            # A refusal changed nothing: whoever asks again gets another try, of the same operation.
            await claim.release()
            raise


async def _run_claimed(route: Route, work: _Work, claim: idempotency.Claim) -> Answer | StreamAnswer:
    if route.claims:
        context = replace(work.context, claim=claim)
    else:
        context = replace(work.context, operation_id=await claim.begin())
    answer = await route.handler(context, **work.models)
    if isinstance(answer, Answer) and answer.content_type == JSON:
        await claim.finish(idempotency.Answer(status=answer.status, body=answer.body))
    else:  # a stream or a page is made anew for a repeat
        await claim.release()
    return answer


def _asked(request: web.Request, work: _Work) -> tuple[str, bytes]:
    """The scope of the request's key, and what tells the request from another."""
    key = request.headers[IDEMPOTENCY_KEY]
    if _VISIBLE_ASCII.fullmatch(key) is None:
        wrong = FieldError("parameter", IDEMPOTENCY_KEY, "idempotency-key")
        raise ProblemError(Problem.VALIDATION, errors=[wrong])
    scope = idempotency.scope_of(
        caller=work.context.caller.name,
        acting_for=work.context.acting_for,
        method=request.method,
        path=request.path,
        key=key,
    )
    said = b"\0".join(model.model_dump_json().encode() for model in work.models.values())
    secret = work.context.services.settings.secret
    return scope, hmac.new(_key(secret), said, sha256).digest()


@cache
def _key(secret: SecretStr) -> bytes:
    # A plain hash of a short message could be guessed by whoever reads the table.
    return derive_key(secret.get_secret_value(), "idempotency")
