"""Processes that may die at any step: before or after a commit, a request."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.database import Database


class Killed(BaseException):
    """The process died here; nothing in it catches that."""


@dataclass
class Fate:
    """At which of its steps a process dies: before or after a commit, a request."""

    dies_at: int | None = None
    steps: int = 0

    def step(self) -> None:
        """One step further. Raises Killed."""
        self.steps += 1
        if self.steps == self.dies_at:
            raise Killed


class MortalDatabase:
    """The database as a process sees it that may die right before or right after a commit."""

    def __init__(self, database: Database, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading."""
        return self._database.read()

    @asynccontextmanager
    async def write(self, *, synced: bool = True) -> AsyncGenerator[AsyncConnection]:
        """A transaction."""
        async with self._database.write(synced=synced) as connection:
            yield connection
            self._fate.step()
        self._fate.step()


class MortalClient:
    """A client of the homeserver whose process may die before a request leaves or after it was served."""

    def __init__(self, server: Any, fate: Fate) -> None:
        self._server = server
        self._fate = fate

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """The method of the server."""
        served = getattr(self._server, method)

        async def request(**arguments: Any) -> Any:
            self._fate.step()
            answer = await served(**arguments)
            self._fate.step()
            return answer

        return request
