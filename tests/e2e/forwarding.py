"""Passing requests on to another server: what every proxy of the tests does with what it doesn't touch."""

import aiohttp
from aiohttp import web

_OUR_OWN = {"host", "connection", "content-length", "transfer-encoding"}


class Forwarding:
    """Listens on `port` and forwards to `target`; `handle` is for those who do more than that."""

    def __init__(self, *, port: int, target: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._target = target
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Listen."""
        self._http = aiohttp.ClientSession(auto_decompress=False)
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", self.handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    async def handle(self, request: web.Request) -> web.Response:
        """The answer to a request."""
        return await self.forward(request)

    async def forward(self, request: web.Request) -> web.Response:
        """The target's answer; 502 when it doesn't give one."""
        assert self._http is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OUR_OWN}
        try:
            async with self._http.request(
                request.method,
                f"{self._target}{request.raw_path}",
                headers=headers,
                data=await request.read(),
            ) as response:
                passed_on = ("Content-Type", "Content-Encoding")
                return web.Response(
                    status=response.status,
                    body=await response.read(),
                    headers={name: response.headers[name] for name in passed_on if name in response.headers},
                )
        except aiohttp.ClientError:
            # What a homeserver sees of a bridge that is down.
            return web.json_response({"errcode": "M_UNKNOWN", "error": "the bridge is down"}, status=502)
