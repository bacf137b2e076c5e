"""Who calls, and for whom: sessions, API keys and X-Act-As, refused in the order that interfaces.md gives.

What a session never gives is decided here, by the route table: content only to managed users (whose the bridge
decrypts anyway), nothing that changes care or keys to anybody but an API key.
"""

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.callers import apikeys, sessions
from bridge.errors import BadCredentialsError
from bridge.http.ports import Services
from bridge.http.problems import Problem, ProblemError
from bridge.http.routing import Caller, Route
from bridge.matrix.identifiers import USER_ID, is_well_formed
from bridge.oidc.jwt import looks_so
from bridge.oidc.verifier import Oidc

ACT_AS = "X-Act-As"
AUTHORIZATION = "Authorization"


async def admit(request: web.Request, route: Route, services: Services) -> Caller:
    """The caller, if they may call this route at all.

    Raises ProblemError: 401, 403 without the scope, 400 act-as-required, 403 not-managed; ProviderUnavailableError.
    """
    if route.logs_in and AUTHORIZATION not in request.headers:
        return Caller()
    token = _bearer(request)
    acting_for = _header(request, ACT_AS) if route.acts or route.may_act else ""
    if services.oidc is not None and looks_so(token):
        return await _access_token(services.oidc, route, services, token=token, acting_for=acting_for)
    async with services.database.read() as connection:
        if token.startswith(sessions.PREFIX):
            return await _session(connection, route, services, token=token, acting_for=acting_for)
        return await _key(connection, route, services, token=token, acting_for=acting_for)


async def _access_token(
    oidc: Oidc, route: Route, services: Services, *, token: str, acting_for: str
) -> Caller:
    """The person whom an access token of the identity provider names."""
    if not route.takes_key:  # there is no session to end
        raise BadCredentialsError("no-session")
    named = await oidc.named(token)
    async with services.database.read() as connection:
        session = await sessions.of_person(
            connection, user_id=named.user_id, scopes=named.scopes, expires_at=named.expires_at
        )
    return _speaking(session, route, token=token, acting_for=acting_for)


async def _session(
    connection: AsyncConnection, route: Route, services: Services, *, token: str, acting_for: str
) -> Caller:
    session = await sessions.authenticate(connection, token=token, now=services.now())
    return _speaking(session, route, token=token, acting_for=acting_for)


def _speaking(session: sessions.Session, route: Route, *, token: str, acting_for: str) -> Caller:
    if session.kind not in route.sessions:
        if "managed" in route.sessions:
            raise ProblemError(Problem.NOT_MANAGED, detail_key="problem.not-managed.session")
        raise ProblemError(Problem.MISSING_SCOPE, detail_key="problem.missing-scope.session")
    if session.kind == "managed" and route.scope is not None and route.scope not in session.scopes:
        raise ProblemError(Problem.MISSING_SCOPE, scope=route.scope)
    if acting_for not in ("", session.user_id):
        raise ProblemError(Problem.NOT_MANAGED, detail_key="problem.not-managed.session")
    return Caller(kind=session.kind, user_id=session.user_id, token=token)


async def _key(
    connection: AsyncConnection, route: Route, services: Services, *, token: str, acting_for: str
) -> Caller:
    person = acting_for if is_well_formed(acting_for, USER_ID) else None
    caller = await apikeys.authenticate(connection, token=token, acting_for=person, now=services.now())
    if not route.takes_key:
        raise BadCredentialsError("no-session")
    if route.scope is not None and route.scope not in caller.key.scopes:
        raise ProblemError(Problem.MISSING_SCOPE, scope=route.scope)
    if route.acts and not acting_for:
        raise ProblemError(Problem.ACT_AS_REQUIRED)
    if acting_for and not caller.acting_managed:
        raise ProblemError(Problem.NOT_MANAGED)
    return Caller(kind="key", user_id=acting_for, key_id=caller.key.id)


def _bearer(request: web.Request) -> str:
    scheme, _, token = _header(request, AUTHORIZATION).partition(" ")
    if not scheme:
        raise ProblemError(Problem.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentialsError("invalid")
    return token.strip()


def _header(request: web.Request, name: str) -> str:
    # Several lines are one list (RFC 9110, 5.2), which is nobody's id and no token: where a proxy adds its own
    # to the caller's, the caller must not be the one who is believed.
    return ", ".join(request.headers.getall(name, []))
