"""How soon an event stream tells a message, beside a raw `/sync` of the same person; and what open streams weigh."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import psutil

from benchmarks import own_client
from benchmarks.clinic import Clinic, Consult
from benchmarks.own_client import Send
from benchmarks.rounds import quiet
from benchmarks.sends import BODY
from benchmarks.table import Row, at_most
from bridge.demo.people import add_api_key

_BAR = at_most(1.2)
_WARM_UP = 5
_WITHIN_S = 30.0
_OF_A_CALLER = 25
_ENCRYPTED = "m.room.encrypted"
_PUSH = re.compile(r"^(\S+) INFO .* PUT /_matrix/app/v1/transactions/\S+ 200 ([0-9.]+) ms$", re.MULTILINE)


class Arrivals:
    """When messages arrived somewhere, by their ids (seconds since 1970, as the homeserver's own time of them)."""

    def __init__(self) -> None:
        self.accepted: dict[str, float] = {}
        self._arrived: dict[str, float] = {}
        self._news = asyncio.Condition()

    async def note(self, message_id: str) -> None:
        """It is here now."""
        self._arrived.setdefault(message_id, time.time())
        async with self._news:
            self._news.notify_all()

    async def of(self, message_id: str) -> float:
        """When it came."""
        async with asyncio.timeout(_WITHIN_S), self._news:
            await self._news.wait_for(lambda: message_id in self._arrived)
        return self._arrived[message_id]


async def measure(clinic: Clinic, *, rooms: list[Consult], messages: int, streams: int) -> list[Row]:
    """Rows for the latency and one for the memory."""
    by_client = await own_client.joined(clinic, rooms[0])
    return [
        *await _latency(clinic, rooms[0], _over_rest, name="sent over REST", messages=messages),
        *await _latency(clinic, rooms[0], by_client, name="sent by a client", messages=messages),
        await _memory(clinic, rooms, streams=streams),
    ]


async def _over_rest(clinic: Clinic, room: Consult) -> str:
    address, options = clinic.api("/api/messages/send", patient=room.patient)
    body = {"conversation_id": room.room_id, "body": BODY}
    async with clinic.http.post(address, json=body, **options) as response:
        return str((await response.json())["message_id"])


async def _latency(
    clinic: Clinic,
    room: Consult,
    send: Send,
    *,
    name: str,
    messages: int,
) -> list[Row]:
    stream, sync = Arrivals(), Arrivals()
    ours, theirs, pushes = [], [], []
    log = clinic.platform.bridge.log_path
    async with _listening(_stream(clinic, room, stream), _sync(clinic, room, sync)):
        for number in range(_WARM_UP + messages):
            await quiet(*clinic.pids)
            logged = _size(log)
            message_id = await send(clinic, room)
            told, synced = await stream.of(message_id), await sync.of(message_id)
            pushed = await _push(log, after=logged)
            if number >= _WARM_UP:
                accepted = sync.accepted[message_id]
                ours.append(told - accepted)
                theirs.append(synced - accepted)
                pushes.append(pushed - accepted)
    peer = f"raw /sync {median(theirs) * 1000:.0f} ms"
    return [
        Row(
            name=f"a message to the event stream, {name}",
            measured=f"{median(ours) * 1000:.0f} ms",
            peer=peer,
            ratio=median(ours) / median(theirs),
            bar=_BAR,
        ),
        Row(
            name="  the homeserver's push of it, before we do anything",
            measured=f"{median(pushes) * 1000:.0f} ms",
            peer=peer,
            ratio=median(pushes) / median(theirs),
        ),
    ]


async def _push(log: Path, *, after: int) -> float:
    """When the first push came of those logged behind this place: each is logged with the time it took to answer."""
    async with asyncio.timeout(_WITHIN_S):
        while (found := _PUSH.search(_tail(log, after))) is None:  # noqa: ASYNC110 a file tells nobody
            await asyncio.sleep(0.02)
    return datetime.fromisoformat(found[1]).timestamp() - float(found[2]) / 1000


def _size(log: Path) -> int:
    return log.stat().st_size


def _tail(log: Path, after: int) -> str:
    return log.read_bytes()[after:].decode()


@asynccontextmanager
async def _listening(*listeners: Any) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(one) for one in listeners]
    await asyncio.sleep(1)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stream(clinic: Clinic, room: Consult, arrivals: Arrivals) -> None:
    address, options = clinic.api("/api/events", patient=room.patient)
    async with clinic.http.get(address, timeout=aiohttp.ClientTimeout(), **options) as response:
        async for line in response.content:
            if line.startswith(b"data:"):
                told = json.loads(line[5:])
                if told.get("body") is not None:
                    await arrivals.note(told["message_id"])


async def _sync(clinic: Clinic, room: Consult, arrivals: Arrivals) -> None:
    only = json.dumps(
        {"room": {"timeline": {"types": [_ENCRYPTED]}, "state": {"types": []}}, "presence": {"types": []}}
    )
    since: dict[str, str] = {}
    while True:
        address, options = clinic.raw(
            "/sync", user_id=room.patient, timeout="30000" if since else "0", filter=only, **since
        )
        async with clinic.http.get(address, **options) as response:
            synced = await response.json()
        since = {"since": synced["next_batch"]}
        joined = synced.get("rooms", {}).get("join", {})
        for event in joined.get(room.room_id, {}).get("timeline", {}).get("events", []):
            arrivals.accepted[event["event_id"]] = event["origin_server_ts"] / 1000
            await arrivals.note(event["event_id"])


async def _memory(clinic: Clinic, rooms: list[Consult], *, streams: int) -> Row:
    bridge = psutil.Process(clinic.platform.bridge.pid)
    await quiet(*clinic.pids)
    # One caller may not have so many: each key is another one, for each patient.
    callers = [
        (await add_api_key(clinic.gateway, name=f"listener {number}"), room.patient)
        for number in range(ceil(streams / len(rooms) / _OF_A_CALLER))
        for room in rooms
    ]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        opened = []
        before = bridge.memory_info().rss
        for number in range(streams):
            key, patient = callers[number % len(callers)]
            address, options = clinic.api("/api/events", patient=patient, key=key)
            response = await http.get(address, timeout=aiohttp.ClientTimeout(), **options)
            assert response.status == 200, await response.text()
            await response.content.readline()
            opened.append(response)
        await asyncio.sleep(1)
        grown = bridge.memory_info().rss - before
        cpu_before = sum(bridge.cpu_times()[:2])
        await asyncio.sleep(10)
        idle = (sum(bridge.cpu_times()[:2]) - cpu_before) / 10
        for response in opened:
            response.close()
    return Row(
        name=f"memory of 1,000 open event streams (of {streams:,})",
        measured=f"{grown / streams * 1000 / 2**20:.0f} MiB",
        peer=f"{idle:.0%} of a processor while all are quiet",
    )
