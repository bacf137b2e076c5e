"""A client of the event stream that comes back by itself, as a browser's EventSource does."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Event:
    """One event, and when it came (monotonic seconds)."""

    id: str
    name: str
    data: Any
    came_at: float


@dataclass
class Listener:
    """What came, in its order, and how often the stream was opened."""

    url: str
    headers: Mapping[str, str]
    events: list[Event] = field(default_factory=list)
    last_id: str | None = None
    openings: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def named(self, name: str) -> list[Event]:
        """The events of this name."""
        return [event for event in self.events if event.name == name]

    async def listen(self, http: aiohttp.ClientSession) -> None:
        """Listen, and come back whenever the stream ends, until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._listen_once(http)
            self.is_open.clear()
            await asyncio.sleep(0.1)

    async def _listen_once(self, http: aiohttp.ClientSession) -> None:
        headers = dict(self.headers)
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with http.get(f"{self.url}/api/events", headers=headers, timeout=timeout) as response:
            assert response.status in (200, 503), await response.text()
            self.openings += response.status == 200
            fields: dict[str, str] = {}
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(":")
                if line != b"\n":
                    fields[name] = value.strip()
                    continue
                self._dispatch(fields)
                fields = {}

    def _dispatch(self, fields: Mapping[str, str]) -> None:
        self.last_id = fields.get("id", self.last_id)
        self.is_open.set()
        if "data" in fields:
            data = json.loads(fields["data"])
            self.events.append(
                Event(self.last_id or "", fields.get("event", "message"), data, time.perf_counter())
            )
            self.news.set()


@asynccontextmanager
async def listening(url: str, *callers: Mapping[str, str]) -> AsyncGenerator[list[Listener]]:
    """An open stream for each of these callers (their headers)."""
    listeners = [Listener(url, headers) for headers in callers]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        tasks = [asyncio.create_task(one.listen(http)) for one in listeners]
        try:
            async with asyncio.timeout(60):
                for one in listeners:
                    await one.is_open.wait()
            yield listeners
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
