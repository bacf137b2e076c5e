"""A proxy between homeserver and bridge that makes transactions fail on demand, and counts them."""

import asyncio
import re
from typing import Literal

from aiohttp import web

from tests.e2e.forwarding import Forwarding

_TRANSACTION = re.compile(r"^/_matrix/app/v1/transactions/")

Fault = Literal["refuse", "forget", "hold"]
"""`refuse`: 500 and the bridge sees nothing. `forget`: the bridge stores it, the homeserver sees 500.

`hold`: nobody sees anything until `heal`; then it was refused.
"""


class FaultProxy(Forwarding):
    """Listens on `port` and forwards to `target`; anything that is no transaction is never made to fail."""

    def __init__(self, *, port: int, target: str) -> None:
        super().__init__(port=port, target=target)
        self.transactions = 0
        self.failed = 0
        self._counted = asyncio.Condition()
        self._fault: Fault | None = None
        self._left: int | None = None
        self._healed = asyncio.Event()

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

    async def handle(self, request: web.Request) -> web.Response:
        """Count it, let it fail, or pass it on."""
        if not _TRANSACTION.match(request.path):
            return await self.forward(request)
        async with self._counted:
            self.transactions += 1
            self._counted.notify_all()
        fault = self._next_fault()
        if fault is None:
            return await self.forward(request)
        self.failed += 1
        if fault == "forget":
            await self.forward(request)
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
