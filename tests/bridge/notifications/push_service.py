"""A push service on loopback, over TLS: keeps what it is given, and answers what a test says."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.bridge.openid.other_server import other_server


@dataclass
class PushService:
    """Where it is, and the pushes: headers and body."""

    authority: Path
    port: int = 0
    answer: web.Response | None = None
    pushes: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def endpoint(self, host: str = "127.0.0.1", *, browser: int | str = 1) -> str:
        """A browser's address there."""
        return f"https://{host}:{self.port}/send/abc%2Fd?e={browser}"

    async def take(self, request: web.Request) -> web.Response:
        """Keep it."""
        self.paths.append(request.raw_path)
        self.pushes.append((dict(request.headers), await request.read()))
        given = self.answer
        return (
            web.Response(status=201)
            if given is None
            else web.Response(status=given.status, headers=given.headers)
        )


@asynccontextmanager
async def push_service(directory: Path) -> AsyncGenerator[PushService]:
    """A running one."""
    async with other_server(directory) as certified:  # whose certificate this one takes over
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "server.pem")
        async with listening(tls, authority=certified.authority) as service:
            yield service


@asynccontextmanager
async def listening(tls: ssl.SSLContext, *, authority: Path) -> AsyncGenerator[PushService]:
    """One with this certificate, of this authority."""
    service = PushService(authority=authority)
    app = web.Application()
    app.router.add_post("/send/{name:.*}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    service.port = runner.addresses[0][1]
    try:
        yield service
    finally:
        await runner.cleanup()
