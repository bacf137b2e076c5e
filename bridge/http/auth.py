"""Who calls, and for whom: API keys and X-Act-As, refused in the order that interfaces.md gives."""

import re

from aiohttp import web

from bridge.apikeys import ApiKey, authenticate
from bridge.errors import BadCredentialsError
from bridge.http.fields import USER_ID
from bridge.http.ports import Services
from bridge.http.problems import Problem, ProblemError
from bridge.http.routing import Route

ACT_AS = "X-Act-As"
_USER_ID = re.compile(USER_ID.removesuffix("$"))
_MAX_USER_ID = 255


async def admit(request: web.Request, route: Route, services: Services) -> tuple[ApiKey, str]:
    """The key and the user it acts for (empty where the route needs none).

    Raises ProblemError: 401, 403 without the scope, 400 act-as-required, 403 not-managed.
    """
    acting_for = request.headers.get(ACT_AS, "") if route.acts else ""
    is_user_id = len(acting_for) <= _MAX_USER_ID and _USER_ID.fullmatch(acting_for) is not None
    async with services.database.read() as connection:
        caller = await authenticate(
            connection,
            token=_bearer(request),
            acting_for=acting_for if is_user_id else None,
            now=services.now(),
        )
    if route.scope not in caller.key.scopes:
        raise ProblemError(Problem.MISSING_SCOPE, scope=route.scope)
    if route.acts and not acting_for:
        raise ProblemError(Problem.ACT_AS_REQUIRED)
    if route.acts and not caller.acting_managed:
        raise ProblemError(Problem.NOT_MANAGED)
    return caller.key, acting_for


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise ProblemError(Problem.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentialsError("invalid")
    return token.strip()
