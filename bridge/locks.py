"""Locks by name, within this process. Other processes are kept out by the database.

Order, to be kept by everyone: a conversation's or a room's lock, then a device's lock, then the database's writer.
A room's lock may be held across calls to the homeserver, a device's lock only where its account's keys are being
uploaded, the writer never.
"""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class NotMyTurnError(Exception):
    """Others are still at it, or wait for it longer."""


class KeyedLocks:
    """`async with locks[key]:` lets one task at a time work on the thing that the key names.

    A lock exists as long as somebody holds or awaits it.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def __getitem__(self, key: Hashable) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def within(self, seconds: float, key: Hashable) -> AsyncGenerator[None]:
        """`async with locks[key]` of who does not wait longer than this for her turn. Raises NotMyTurnError."""
        lock = self[key]
        try:
            async with asyncio.timeout(seconds):
                await lock.acquire()
        except TimeoutError as error:
            raise NotMyTurnError from error
        try:
            yield
        finally:
            lock.release()
