"""A proxy between a client and its homeserver: what it is told of one person's devices comes late."""

import asyncio

from aiohttp import web

from tests.e2e.forwarding import Forwarding


class SlowQueries(Forwarding):
    """Listens on `port` and forwards to `target`; the answers to `/keys/query` about `person` wait for `let_go`."""

    def __init__(self, *, port: int, target: str, person: str) -> None:
        super().__init__(port=port, target=target)
        self._person = person.encode()
        self._let_go = asyncio.Event()

    def let_go(self) -> None:
        """The homeserver has them now."""
        self._let_go.set()

    async def handle(self, request: web.Request) -> web.Response:
        """The answer to a request."""
        if request.path.endswith("/keys/query") and self._person in await request.read():
            await self._let_go.wait()
        return await self.forward(request)
