"""Getting the homeserver to push again after it may have thought us down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import uuid4

from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.retries import delays_s, is_temporary, where
from bridge.storage.database import Database
from bridge.storage.state import get_state, set_state

log = logging.getLogger(__name__)

_ROOM = "wake.room_id"
_EVENT_TYPE = "es.videoconsulta.wake"
_ROOM_BODY = {"preset": "private_chat", "creation_content": {"m.federate": False, "type": _EVENT_TYPE}}


class Wake:
    """A ping, and an event in a room where the keeper is alone: either makes the homeserver try at once."""

    def __init__(
        self, *, database: Database, client: MatrixClient, appservice_id: str, keeper_id: str
    ) -> None:
        self._database = database
        self._client = client
        self._appservice_id = appservice_id
        self._keeper_id = keeper_id

    async def wake(self) -> None:
        """Ping and send. Our own listener must be open: the homeserver calls back.

        Raises MatrixError and HomeserverUnreachableError.
        """
        await self._client.ping(appservice_id=self._appservice_id, transaction_id=uuid4().hex)
        async with self._database.read() as connection:
            room_id = await get_state(connection, _ROOM)
        if room_id is None or not await self._sent(room_id):
            await self._sent(await self._new_room())

    async def _sent(self, room_id: str) -> bool:
        try:
            await self._client.send_event(
                user_id=self._keeper_id,
                device_id=None,
                room_id=room_id,
                event_type=_EVENT_TYPE,
                txn_id=uuid4().hex,
                content={},
            )
        except MatrixError as error:
            if error.is_temporary:
                raise
            log.warning("the keeper's own room refuses events: %s", error.errcode)
            return False
        return True

    async def _new_room(self) -> str:
        # A crash before the id is stored leaves an empty room behind, which nobody sees.
        await self._client.register(user_id=self._keeper_id)
        room_id = await self._client.create_room(user_id=self._keeper_id, body=dict(_ROOM_BODY))
        async with self._database.write() as connection:
            await set_state(connection, _ROOM, room_id)
        return room_id


class Recovery:
    """Wakes the homeserver and catches up: at the start, and again whenever there was trouble.

    `wake` and `catch_up` are tried until both succeed. In between it waits `settle_s` seconds, so that the
    homeserver counts us as up (and pushes what comes from then on) before we fetch what it threw away.
    """

    def __init__(
        self,
        *,
        wake: Callable[[], Awaitable[None]],
        catch_up: Callable[[], Awaitable[None]],
        delay_s: float = 5.0,
        settle_s: float = 1.0,
        first_retry_s: float = 1.0,
    ) -> None:
        self._wake = wake
        self._catch_up = catch_up
        self._delay_s = delay_s
        self._settle_s = settle_s
        self._first_retry_s = first_retry_s
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Recover now, and from now on after trouble."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Recover no more. What was not fetched is fetched at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def trouble(self) -> None:
        """The homeserver may think us down: recover in `delay_s` seconds (once, however often it is said)."""
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._recover()
            await self._wanted.wait()
            await asyncio.sleep(self._delay_s)
            self._wanted.clear()

    async def _recover(self) -> None:
        for delay_s in delays_s(self._first_retry_s):
            try:
                await self._wake()
                await asyncio.sleep(self._settle_s)
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 — whatever it is, the next attempt may do
                level = logging.WARNING if is_temporary(error) else logging.ERROR
                log.log(level, "not caught up with the homeserver yet: %s", where(error))
                await asyncio.sleep(delay_s)
            else:
                return
