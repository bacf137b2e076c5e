"""Fakes of this package's ports, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from bridge.openid.dns import Service
from bridge.openid.errors import BadOpenIdTokenError, ServerUnreachableError
from bridge.openid.https import Destination, Reply
from bridge.openid.names import Address


@dataclass
class FakeDns:
    """A Dns that knows what it was told; `asked` is what it was asked for."""

    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    srv: Mapping[str, Sequence[Service]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def addresses(self, host: str) -> Sequence[Address]:
        """As in Dns."""
        self.asked.append(host)
        return [ip_address(text) for text in self.hosts.get(host, ())]

    async def services(self, name: str) -> Sequence[Service]:
        """As in Dns."""
        self.asked.append(name)
        return self.srv.get(name, ())


@dataclass
class FakeHttps:
    """An Https that answers by `host:port/path`; a callable is called, what isn't there can't be reached."""

    replies: dict[str, Reply | Callable[[], Reply]] = field(default_factory=dict)
    asked: list[tuple[Destination, str, Mapping[str, str]]] = field(default_factory=list)

    async def get(self, destination: Destination, path: str, *, query: Mapping[str, str], most: int) -> Reply:
        """As in Https."""
        self.asked.append((destination, path, query))
        reply = self.replies.get(f"{destination.host}:{destination.port}{path}")
        if callable(reply):
            reply = reply()
        if reply is None or len(reply.body) > most:
            raise ServerUnreachableError("no answer, or a long one")
        return reply


@dataclass
class FakeOpenId:
    """An OpenId that knows the tokens it was told, by server and token; `failure`, if set, is raised."""

    users: dict[tuple[str, str], str] = field(default_factory=dict)
    failure: Exception | None = None

    async def user_of(self, *, access_token: str, server_name: str) -> str:
        """As in OpenId."""
        if self.failure is not None:
            raise self.failure
        user = self.users.get((server_name, access_token))
        if user is None:
            raise BadOpenIdTokenError
        return user
