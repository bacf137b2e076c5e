"""Locks by name, within this process. Other processes are kept out by the database.

Order, to be kept by everyone: a room's lock (`RoomKey`), then a device's lock, then the database's writer.
A room's lock may be held across calls to the homeserver, a device's lock only where its account's keys are
being uploaded, the writer never.
"""

import asyncio
from collections.abc import Hashable
from weakref import WeakValueDictionary


class KeyedLocks:
    """One lock for each key, which exists as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, *key: Hashable) -> asyncio.Lock:
        """The lock of this key."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock
