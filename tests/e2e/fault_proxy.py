"""A proxy between homeserver and bridge that makes transactions fail on demand, and counts them."""

import asyncio
import re
from typing import Literal

import aiohttp
from aiohttp import web

_TRANSACTION = re.compile(r"^/_matrix/app/v1/transactions/")

Fault = Literal["refuse", "forget", "hold"]
"""`refuse`: 500 and the bridge sees nothing. `forget`: the bridge stores it, the homeserver sees 500.

`hold`: nobody sees anything until `heal`; then it was refused.
"""


class FaultProxy:
    """Listens on `port` and forwards to `target`; anything that is no transaction is never made to fail."""

    def __init__(self, *, port: int, target: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.transactions = 0
        self.failed = 0
        self._port = port
        self._target = target
        self._counted = asyncio.Condition()
        self._fault: Fault | None = None
        self._left: int | None = None
        self._healed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Listen."""
        self._http = aiohttp.ClientSession(auto_decompress=False)
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    def fail(self, fault: Fault = "refuse", *, times: int | None = None) -> None:
        """Make the next `times` transactions fail (all, without a number) until `heal`."""
        self._fault = fault
        self._left = times
        self._healed.clear()

    def heal(self) -> None:
        """Forward everything again."""
        self._fault = None
        self._left = None
        self._healed.set()

    async def wait_beyond(self, transactions: int) -> None:
        """Returns once more than this many transactions came, failed ones too."""
        async with self._counted:
            await self._counted.wait_for(lambda: self.transactions > transactions)

    async def _handle(self, request: web.Request) -> web.Response:
        if not _TRANSACTION.match(request.path):
            return await self._forward(request)
        async with self._counted:
            self.transactions += 1
            self._counted.notify_all()
        fault = self._next_fault()
        if fault is None:
            return await self._forward(request)
        self.failed += 1
        if fault == "forget":
            await self._forward(request)
        elif fault == "hold":
            await self._healed.wait()
        return web.json_response(
            {"errcode": "M_UNKNOWN", "error": "a fault of the test's making"}, status=500
        )

    def _next_fault(self) -> Fault | None:
        fault = self._fault
        if fault is not None and self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.heal()
        return fault

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._http is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OUR_OWN}
        try:
            async with self._http.request(
                request.method,
                f"{self._target}{request.raw_path}",
                headers=headers,
                data=await request.read(),
            ) as response:
                return web.Response(
                    status=response.status,
                    body=await response.read(),
                    headers={"Content-Type": response.headers.get("Content-Type", "application/json")},
                )
        except aiohttp.ClientError:
            # What a homeserver sees of a bridge that is down.
            return web.json_response({"errcode": "M_UNKNOWN", "error": "the bridge is down"}, status=502)


_OUR_OWN = {"host", "connection", "content-length", "transfer-encoding"}
