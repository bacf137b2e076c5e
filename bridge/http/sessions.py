"""Logging in and out."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from appointments.access import roles_of
from bridge.callers import sessions
from bridge.errors import BadCredentialsError
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.routing import Answer, Caller, Context, json_answer
from bridge.http.session_models import CreateSession, SessionAnswer
from bridge.openid.errors import BadOpenIdTokenError


async def create_session(context: Context, *, body: CreateSession) -> Answer:
    """POST /api/session: with an OpenID token, or with an API key for the browser of a managed user."""
    if context.caller.kind == "key":
        return await _for_managed_user(context, body)
    if body.access_token is None or body.matrix_server_name is None:
        raise ProblemError(Problem.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    services = context.services
    try:
        user_id = await services.openid.user_of(
            access_token=body.access_token, server_name=body.matrix_server_name
        )
    except BadOpenIdTokenError as error:
        raise BadCredentialsError("openid") from error
    now = services.now()
    async with services.database.write() as connection:
        created = await sessions.create_own(
            connection,
            user_id=user_id,
            openid_token=body.access_token,
            ttl=timedelta(seconds=services.settings.sessions.ttl_s),
            now=now,
        )
        roles = await roles_of(connection, user_id, now)
    return _answer(created, roles)


async def _for_managed_user(context: Context, body: CreateSession) -> Answer:
    if body.access_token is not None:
        raise ProblemError(Problem.VALIDATION, errors=[FieldError("pointer", "#/access_token", "extra")])
    services, caller = context.services, context.caller
    services.logins.attempt_of_key(caller.key_id)
    ttl_s = body.ttl_s if body.ttl_s is not None else services.settings.sessions.ttl_s
    now = services.now()
    async with services.database.write() as connection:
        created = await sessions.create_managed(
            connection,
            user_id=caller.user_id,
            key_id=caller.key_id,
            ttl=timedelta(seconds=ttl_s),
            now=now,
        )
        roles = await roles_of(connection, caller.user_id, now)
    return _answer(created, roles)


async def end_session(context: Context) -> Answer:
    """DELETE /api/session: 204; the token opens nothing from now on."""
    services = context.services
    async with services.database.write() as connection:
        await sessions.revoke(connection, token=context.caller.token, now=services.now())
    return Answer(status=204)


async def refuse_session(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 401 for whoever showed no credentials at all."""
    body = raw["body"]
    has_token = isinstance(body, dict) and body.get("access_token") is not None
    if context.caller == Caller() and not has_token:
        raise ProblemError(Problem.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})


def _answer(created: sessions.NewSession, roles: frozenset[str]) -> Answer:
    return json_answer(
        SessionAnswer(
            token=created.token,
            user_id=created.user_id,
            roles=sorted(roles),
            expires_at=created.expires_at,
        ),
        status=201,
    )
