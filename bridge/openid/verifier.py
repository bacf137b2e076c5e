"""Matrix OpenID tokens (client-server API, OpenID; server-server API, openid/userinfo).

Threats, and what stops them:
- A caller names a server of their own, or a place in our network: servers that the settings don't allow are refused
  before anything is looked up; for allowed ones see bridge/openid/https.py.
- A server speaks of users of another: the subject's domain has to be the very name that was asked.
- A server answers slowly on purpose: it gets few checks at once, which are its own, and each has its time.
- The token is a secret: it goes to that one server over verified TLS, is never sent on a redirect, never logged.
- A widget elsewhere that was given somebody's token can use it here too: tokens have no audience. So the session made
  with one gives no content (bridge/http/auth.py), whatever we check.
"""

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from bridge.openid.discovery import Discovery
from bridge.openid.errors import (
    BadOpenIdTokenError,
    BadServerNameError,
    ServerRefusedError,
    ServerUnreachableError,
)
from bridge.openid.https import Destination, Https, Reply

log = logging.getLogger(__name__)

_PATH = "/_matrix/federation/v1/openid/userinfo"
_MOST_BYTES = 16 * 1024
_CHECK_S = 15.0
_AT_ONCE = 10
_OK = 200
_REFUSALS = frozenset({400, 401, 403})
_USER_ID = re.compile(r"@[!-9;-~]+:(.+)", re.ASCII)
_MAX_USER_ID = 255


class OpenId(Protocol):
    """Checks OpenID tokens."""

    async def user_of(self, *, access_token: str, server_name: str) -> str:
        """The user whom this server gave the token to.

        Raises ServerRefusedError, BadOpenIdTokenError, ServerUnreachableError.
        """


class OpenIdVerifier:
    """The OpenId that asks the server that the token names, when it is one of `allowed_servers`."""

    def __init__(self, *, allowed_servers: Iterable[str], discovery: Discovery, https: Https) -> None:
        self._turns = {name: asyncio.Semaphore(_AT_ONCE) for name in allowed_servers}
        self._discovery = discovery
        self._https = https

    async def user_of(self, *, access_token: str, server_name: str) -> str:
        """As in OpenId."""
        turn = self._turns.get(server_name)
        if turn is None:
            raise ServerRefusedError("not allowed")
        try:
            async with asyncio.timeout(_CHECK_S), turn:
                reply = await self._ask(access_token, server_name)
        except (ServerRefusedError, ServerUnreachableError) as error:
            log.warning("an OpenID token can't be checked with %s: %s", server_name, error)
            raise
        except TimeoutError as error:
            log.warning("an OpenID token can't be checked with %s: it takes too long", server_name)
            raise ServerUnreachableError("it takes too long") from error
        return _subject(reply, server_name)

    async def _ask(self, access_token: str, server_name: str) -> Reply:
        try:
            destinations = await self._discovery.destinations(server_name)
        except BadServerNameError as error:
            raise ServerRefusedError("not a server name") from error
        return await self._first(destinations, access_token)

    async def _first(self, destinations: Sequence[Destination], access_token: str) -> Reply:
        """The answer of the first that gives one: a SRV record may name servers that are down."""
        failure: Exception | None = None
        for destination in destinations:
            try:
                return await self._https.get(
                    destination, _PATH, query={"access_token": access_token}, most=_MOST_BYTES
                )
            except (ServerRefusedError, ServerUnreachableError) as error:
                failure = failure or error
        raise failure or ServerUnreachableError("no destination")


def _subject(reply: Reply, server_name: str) -> str:
    if reply.status in _REFUSALS:
        raise BadOpenIdTokenError("unknown to its server")
    if reply.status != _OK:
        raise ServerUnreachableError(f"it answers {reply.status}")
    try:
        content = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise ServerUnreachableError("its answer is no JSON") from error
    subject = content.get("sub") if isinstance(content, dict) else None
    match = _USER_ID.fullmatch(subject) if isinstance(subject, str) else None
    if match is None or len(match[0]) > _MAX_USER_ID or match[1] != server_name:
        # Exactly: `h:8448` and `H` are other names than `h` (appendices, 4.1).
        raise BadOpenIdTokenError("of somebody else")
    return match[0]
