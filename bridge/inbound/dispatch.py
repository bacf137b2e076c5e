"""Handing stored items to their handlers, in an order that holds.

Everything passes one lane in the order of its number. What is about keys is handled there, one after the
other; a room's events and receipts go on to that room's own queue. So the keys that came with an event, or
before it, are there when its turn comes; a room is never out of order; and rooms don't wait for each other.

Of what waits long, in a room in trouble say, only numbers are held: all of it is in the database.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from bridge.clock import Now
from bridge.inbound.inbox import LeftItem, StoredItem, read_waiting, waiting
from bridge.inbound.items import DEVICE_LISTS, EVENT, KEY_COUNTS, TO_DEVICE
from bridge.matrix.errors import MatrixError
from bridge.matrix.events import DeviceLists, KeyCounts, Receipt, Receipts, RoomEvent, ToDeviceEvent
from bridge.retries import delays_s, is_temporary, where
from bridge.storage.database import Database
from bridge.storage.inbox import mark_processed

log = logging.getLogger(__name__)

_Item = StoredItem | LeftItem


class Handlers(Protocol):
    """What is done with items.

    Each handler marks its item processed (bridge/storage/inbox.py) in the transaction that holds its
    effects, and may be called again with an item that it handled, should the process die in between.
    Temporary trouble is raised, and the same call is made again later.
    """

    async def to_device(self, seq: int, event: ToDeviceEvent) -> None:
        """A message came for one of our devices."""

    async def device_lists(self, seq: int, changed: list[str], left: list[str]) -> None:
        """Users' devices changed; we share no room any more with those who left."""

    async def key_counts(
        self,
        seq: int,
        counts: dict[str, dict[str, dict[str, int]]],
        unused_fallback: dict[str, dict[str, list[str]]],
    ) -> None:
        """One-time keys were used: `{user: {device: {algorithm: left}}}`, `{user: {device: [algorithm]}}`."""

    async def room_event(self, seq: int, event: RoomEvent) -> None:
        """Something happened in a room."""

    async def receipts(self, seq: int, room_id: str, receipts: list[Receipt]) -> None:
        """People have read."""


class Dispatcher:
    """Runs the handlers from `start` to `stop`; what they leave undone, the next start takes up again.

    `most_held`: how many items of a queue, the lane's or a room's, are held with what they say.
    """

    def __init__(
        self,
        *,
        database: Database,
        handlers: Handlers,
        now: Now,
        concurrent_rooms: int = 8,
        first_retry_s: float = 0.5,
        most_held: int = 200,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._now = now
        self._first_retry_s = first_retry_s
        self._slots = asyncio.Semaphore(concurrent_rooms)
        self._most_held = most_held
        self._lane: asyncio.Queue[_Item | asyncio.Future[None] | None] = asyncio.Queue()
        self._is_in_lane = False
        self._rooms: dict[str, deque[_Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[StoredItem] | None = []
        self._stopping = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether what is submitted gets handled now."""
        return self._early is None and not self._stopping.is_set()

    def is_busy(self, room_id: str) -> bool:
        """Whether there is something to be done before what comes next in this room, or nothing is done now."""
        is_lane_busy = self._is_in_lane or not self._lane.empty()
        return not self.is_running or is_lane_busy or room_id in self._rooms

    async def start(self) -> None:
        """Take up what is stored and not processed, then whatever is submitted."""
        found = await self._left_over()
        found |= {item.seq: item for item in self._early or ()}
        self._early = None
        self._run(self._run_lane())
        self._put([found[seq] for seq in sorted(found)])

    async def stop(self, *, grace_s: float = 5.0) -> None:
        """Finish what is being handled, within `grace_s` seconds; leave the rest for the next start."""
        self._stopping.set()
        self._lane.put_nowait(None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._lane.empty():
            entry = self._lane.get_nowait()
            if isinstance(entry, asyncio.Future):
                entry.cancel()

    def submit(self, items: Sequence[StoredItem]) -> None:
        """Hand over items just stored, in their order."""
        if self._early is not None:
            self._early.extend(items)
        else:
            self._put(items)

    async def _left_over(self) -> dict[int, _Item]:
        found: dict[int, _Item] = {}
        async with self._database.read() as connection:
            while page := await waiting(connection, after=next(reversed(found), 0)):
                for item in page:
                    found[item.seq] = self._held(item, before=len(found))
        return found

    def _put(self, items: Sequence[_Item]) -> None:
        for item in items:
            self._lane.put_nowait(self._held(item, before=self._lane.qsize()))

    async def keys_settled(self) -> None:
        """Wait until everything about keys that was submitted before is handled.

        Never to be awaited by a handler of such an item: it would wait for itself.
        """
        if self._stopping.is_set():
            return
        reached = asyncio.get_running_loop().create_future()
        self._lane.put_nowait(reached)
        await reached

    async def settled(self) -> None:
        """Wait until everything that was submitted before is handled."""
        await self.keys_settled()
        while self._rooms:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _run_lane(self) -> None:
        while not self._stopping.is_set():
            entry = await self._lane.get()
            if isinstance(entry, asyncio.Future):
                if not entry.done():
                    entry.set_result(None)
            elif entry is None:
                return
            elif entry.room_id is not None:
                self._pass_to_room(entry.room_id, entry)
            else:
                self._is_in_lane = True
                await self._handle(entry)
                self._is_in_lane = False

    def _pass_to_room(self, room_id: str, item: _Item) -> None:
        if room_id in self._rooms:
            queue = self._rooms[room_id]
            queue.append(self._held(item, before=len(queue)))
        else:
            self._rooms[room_id] = deque([item])
            self._run(self._run_room(room_id))

    def _held(self, item: _Item, *, before: int) -> _Item:
        return item if before < self._most_held else LeftItem(item.seq, item.kind, item.room_id)

    async def _run_room(self, room_id: str) -> None:
        queue = self._rooms[room_id]
        while queue and not self._stopping.is_set():
            await self._handle(queue.popleft())
        del self._rooms[room_id]

    async def _handle(self, item: _Item) -> None:
        attempt: Callable[[_Item], Coroutine[Any, Any, None]] = self._read_and_call
        for delay_s in delays_s(self._first_retry_s):
            try:
                await attempt(item)
            except Exception as error:  # noqa: BLE001 — whatever a handler does, the others go on
                if not is_temporary(error) and attempt == self._read_and_call:
                    log.error("inbox %d (%s): given up: %s", item.seq, item.kind, where(error))  # noqa: TRY400
                    attempt = self._give_up
                    continue
                log.warning("inbox %d (%s): later: %s", item.seq, item.kind, where(error))
                if await self._is_stopped_within(max(delay_s, _asked_delay_s(error))):
                    return
            else:
                return

    async def _read_and_call(self, item: _Item) -> None:
        if isinstance(item, StoredItem):
            await self._call(item)
            return
        async with self._database.read() as connection:
            stored = await read_waiting(connection, item.seq)
        if stored is not None:
            await self._call(stored)

    async def _call(self, item: StoredItem) -> None:
        handlers, payload = self._handlers, item.payload
        if item.kind == TO_DEVICE:
            await handlers.to_device(item.seq, ToDeviceEvent.model_validate(payload))
        elif item.kind == DEVICE_LISTS:
            lists = DeviceLists.model_validate(payload)
            await handlers.device_lists(item.seq, lists.changed, lists.left)
        elif item.kind == KEY_COUNTS:
            keys = KeyCounts.model_validate(payload)
            await handlers.key_counts(item.seq, keys.counts, keys.unused_fallback)
        elif item.kind == EVENT:
            async with self._slots:
                await handlers.room_event(item.seq, RoomEvent.model_validate(payload))
        else:
            read = Receipts.model_validate(payload)
            async with self._slots:
                await handlers.receipts(item.seq, read.room_id, read.receipts)

    async def _give_up(self, item: _Item) -> None:
        async with self._database.write() as connection:
            await mark_processed(connection, item.seq, at=self._now())

    async def _is_stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _asked_delay_s(error: Exception) -> float:
    return error.retry_after_s or 0.0 if isinstance(error, MatrixError) else 0.0
