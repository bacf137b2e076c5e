"""`/.well-known/matrix/server`: which server speaks for a name (server-server API, Resolving server names, step 3).

Threats: an answer that is huge, slow, nested or nonsense counts as none; redirects are few, stay HTTPS, and each of
their targets is judged like the first; what is kept is one entry for each server that is allowed at all.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from yarl import URL

from bridge.openid.errors import (
    BadServerNameError,
    ServerRefusedError,
    ServerUnreachableError,
)
from bridge.openid.https import Destination, Https, Reply
from bridge.openid.names import ServerName, parse_server_name

_PATH = "/.well-known/matrix/server"
_MOST_BYTES = 50 * 1024
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:[,\s]|$)", re.IGNORECASE)
_KEPT_S = 24 * 3600.0
_KEPT_AT_LEAST_S = 60.0
_KEPT_AT_MOST_S = 48 * 3600.0


@dataclass(frozen=True, slots=True)
class _Known:
    server: ServerName | None
    until: float


class WellKnown:
    """Asks names who speaks for them, and remembers the answers; `clock` counts seconds."""

    def __init__(self, *, https: Https, clock: Callable[[], float]) -> None:
        self._https = https
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def delegate(self, host: str) -> ServerName | None:
        """The server that this name delegates to; None when it names none, or nothing understandable."""
        known = self._known.get(host)
        if known is None or known.until <= self._clock():
            known = await self._ask(host)
            self._known[host] = known
        return known.server

    async def _ask(self, host: str) -> _Known:
        server, kept_s = None, _KEPT_AT_LEAST_S
        with suppress(
            ServerRefusedError, ServerUnreachableError, BadServerNameError, ValueError, RecursionError
        ):
            reply = await self._follow(URL.build(scheme="https", host=host, path=_PATH))
            if reply.status == _OK:
                server = _server_of(reply.body)
                kept_s = _lifetime(reply)
        return _Known(server=server, until=self._clock() + kept_s)

    async def _follow(self, url: URL) -> Reply:
        for _ in range(_MOST_REDIRECTS + 1):
            reply = await self._https.get(
                _destination(url), url.path, query=dict(url.query), most=_MOST_BYTES
            )
            if reply.status not in _REDIRECTS:
                return reply
            url = url.join(URL(reply.headers.get("Location", "")))
        raise ServerUnreachableError("too many redirects")


def _destination(url: URL) -> Destination:
    if url.scheme != "https" or url.user is not None or url.raw_host is None or url.port is None:
        raise BadServerNameError
    host = f"[{url.raw_host}]" if ":" in url.raw_host else url.raw_host
    parse_server_name(host)
    header = host if url.is_default_port() else f"{host}:{url.port}"
    return Destination(host=host, port=url.port, host_header=header, tls_name=url.raw_host)


def _server_of(body: bytes) -> ServerName:
    content = json.loads(body)
    named = content.get("m.server") if isinstance(content, dict) else None
    if not isinstance(named, str):
        raise BadServerNameError
    return parse_server_name(named)


def _lifetime(reply: Reply) -> float:
    found = _MAX_AGE.search(reply.headers.get("Cache-Control", ""))
    asked_for = float(found[1]) if found else _KEPT_S
    return min(max(asked_for, _KEPT_AT_LEAST_S), _KEPT_AT_MOST_S)
