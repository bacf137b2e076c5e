"""One task a process that sees what is new and wakes the streams of whom it concerns.

It is woken by who appends facts in this process, and looks by itself a few times a second for those of others; both
only while a stream is open. Streams read by themselves (bridge/live/streams.py): nothing waits in memory for a slow
one.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import bindparam, select

from bridge.live.placing import Placing, last_place
from bridge.retries import where
from bridge.storage.database import Database
from bridge.storage.live_events import live_events

log = logging.getLogger(__name__)

_POLL_S = 0.25
_AFTER_TROUBLE_S = 1.0

_NEW = (
    select(live_events.c.place, live_events.c.person)
    .where(live_events.c.place > bindparam("seen"))
    .order_by(live_events.c.place)
)


@dataclass(eq=False, slots=True)
class Subscription:
    """An open stream's bell, whether it tells what messages say, and the place up to which it has read."""

    person: str
    with_bodies: bool
    seen: int = 0
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def rung(self, *, within_s: float) -> bool:
        """Whether there was something new, or the end, within this time."""
        try:
            async with asyncio.timeout(within_s):
                await self.bell.wait()
        except TimeoutError:
            return False
        self.bell.clear()
        return True


class Notifier:
    """Rings for the open streams from `start` to `stop`; shows their number as `videoconsulta_event_streams`."""

    def __init__(self, *, database: Database, placing: Placing) -> None:
        self._database = database
        self._placing = placing
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._seen: int | None = None
        self._due = asyncio.Event()
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_closing = False

    @property
    def open_streams(self) -> int:
        """How many there are."""
        return sum(map(len, self._subscriptions.values()))

    def wants_bodies(self, person: str) -> bool:
        """Whether this person has a stream open here that tells what messages say."""
        return any(one.with_bodies for one in self._subscriptions.get(person, ()))

    def start(self, *, registry: CollectorRegistry) -> None:
        """Begin to look."""
        gauge = Gauge("videoconsulta_event_streams", "Open event streams.", registry=registry)
        gauge.set_function(lambda: self.open_streams)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the streams: their callers come again, to the process that follows."""
        self.is_closing = True
        for bells in self._subscriptions.values():
            for one in bells:
                one.bell.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Something was committed that somebody may be told of."""
        self._due.set()

    def ring(self, people: Collection[str]) -> None:
        """There is something new for these people, committed with its places."""
        for person in people:
            for one in self._subscriptions.get(person, ()):
                one.bell.set()

    @contextmanager
    def subscribe(self, person: str, *, with_bodies: bool) -> Iterator[Subscription]:
        """A bell for this person's events, from now on. `with_bodies`: they are told with their words."""
        one = Subscription(person, with_bodies)
        self._subscriptions.setdefault(person, set()).add(one)
        self._open.set()
        try:
            yield one
        finally:
            self._subscriptions[person].discard(one)
            if not self._subscriptions[person]:
                del self._subscriptions[person]
            if not self._subscriptions:
                self._open.clear()

    async def current(self) -> int:
        """The place up to which everything that is committed now stands."""
        await self._placing.place()
        async with self._database.read() as connection:
            return await last_place(connection)

    async def _run(self) -> None:
        while True:
            try:
                if not self._open.is_set():
                    await self._open.wait()
                    self._seen = None
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._due.wait()
                self._due.clear()
            except Exception as error:  # noqa: BLE001 — whatever it is, the streams must go on
                log.warning("live events: later: %s", where(error))
                await asyncio.sleep(_AFTER_TROUBLE_S)

    async def _look(self) -> None:
        await self._placing.place()
        async with self._database.read() as connection:
            if self._seen is None:
                self._seen = await last_place(connection)
                self.ring(self._subscriptions)
                return
            rows = (await connection.execute(_NEW, {"seen": self._seen})).all()
        for row in rows:
            self._seen = row.place
            for one in self._subscriptions.get(row.person, ()):
                if one.seen < row.place:  # else it was rung for that before
                    one.bell.set()
