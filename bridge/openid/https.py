"""HTTPS requests to where somebody else's words lead us. Every answer is untrusted.

- The name is resolved here, each address is judged, and the connection goes to *that address*: a name that resolves
  to something else a moment later (DNS rebinding) changes nothing. TLS is verified for the name all the same.
- No redirects are followed here (whoever may follow one judges its target first), no proxy and no cookies are used.
- An answer has a size and the whole exchange a time; nothing is decompressed.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Protocol

import aiohttp
from yarl import URL

from bridge.openid.addresses import may_be_contacted
from bridge.openid.dns import Dns
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.openid.names import Address, parse_server_name

_CONNECT_S = 2.0
_EXCHANGE_S = 5.0
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to connect: `host` is a name or an IP literal (IPv6 in brackets).

    `host_header` is what the request says, `tls_name` what the certificate has to be for (an IP without brackets).
    """

    host: str
    port: int
    host_header: str
    tls_name: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names as they came, looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request says; `target` is its path and query."""

    method: str
    target: URL
    headers: Mapping[str, str]
    body: bytes | None


class Https(Protocol):
    """Asks other servers."""

    async def get(self, destination: Destination, path: str, *, query: Mapping[str, str], most: int) -> Reply:
        """One GET, whose answer has `most` bytes at most.

        Raises ServerRefusedError when none of the addresses is one that we connect to, else
        ServerUnreachableError for whatever goes wrong.
        """


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the machine's authorities, and those in this file too. Raises OSError (ssl.SSLError)."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def other_servers_session() -> aiohttp.ClientSession:
    """A session that keeps no connections: one that was opened for a name is never used for another."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "videoconsulta"},
        timeout=aiohttp.ClientTimeout(total=_EXCHANGE_S, sock_connect=_CONNECT_S),
    )


class PinnedHttps:
    """The Https that connects to judged addresses only."""

    def __init__(
        self, *, http: aiohttp.ClientSession, dns: Dns, tls: ssl.SSLContext, allow_private: bool
    ) -> None:
        self._http = http
        self._dns = dns
        self._tls = tls
        self._allow_private = allow_private

    async def get(self, destination: Destination, path: str, *, query: Mapping[str, str], most: int) -> Reply:
        """As in Https."""
        asked = _Asked("GET", URL.build(path=path, query=dict(query)), {}, None)
        return await self._exchange(asked, destination, most=most)

    async def post(
        self,
        destination: Destination,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        most: int,
    ) -> Reply:
        """One POST to this path and query, already encoded; otherwise as `get`."""
        asked = _Asked("POST", URL(target, encoded=True), headers, body)
        return await self._exchange(asked, destination, most=most)

    async def _exchange(self, asked: _Asked, destination: Destination, *, most: int) -> Reply:
        failure = "no address"
        for address in await self._addresses(destination.host):
            try:
                async with asyncio.timeout(_EXCHANGE_S):
                    return await self._ask(address, destination, asked, most=most)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                failure = type(error).__name__
            except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
                raise ServerUnreachableError(type(error).__name__) from error
        raise ServerUnreachableError(failure)

    async def _addresses(self, host: str) -> list[Address]:
        literal = parse_server_name(host).address
        found = await self._dns.addresses(host) if literal is None else [literal]
        judged = [one for one in found if may_be_contacted(one, allow_private=self._allow_private)]
        if found and not judged:
            raise ServerRefusedError("its address is private")
        return judged[:_MOST_ADDRESSES]

    async def _ask(self, address: Address, destination: Destination, asked: _Asked, *, most: int) -> Reply:
        url = URL.build(
            scheme="https",
            host=f"[{address}]" if isinstance(address, IPv6Address) else str(address),
            port=destination.port,
            path=asked.target.raw_path,
            query_string=asked.target.raw_query_string,
            encoded=True,
        )
        async with self._http.request(
            asked.method,
            url,
            ssl=self._tls,
            server_hostname=destination.tls_name,
            headers={**asked.headers, "Host": destination.host_header},
            data=asked.body,
            allow_redirects=False,
        ) as response:
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > most:
                    raise ServerUnreachableError("its answer is too long")
            return Reply(status=response.status, headers=response.headers, body=bytes(answer))
