"""What it costs to read 100 encrypted messages over REST, beside the homeserver's `/messages` for the same."""

import json
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from urllib.parse import quote

from benchmarks.clinic import Clinic, Consult
from benchmarks.rounds import quiet
from benchmarks.sends import Rest
from benchmarks.table import Row, at_most

_MESSAGES = 100


Read = Callable[[Consult, int], Awaitable[float]]
"""Reads so many of the newest messages: the seconds it took."""


async def measure(clinic: Clinic, *, rooms: list[Consult], rounds: int) -> list[Row]:
    """Rows for later and for first readings. `rooms` may hold any number of messages already.

    The application service is restarted for the last row: it has seen none of those messages then.
    """
    read, raw = _readers(clinic)
    for room in rooms:
        await Rest(clinic, [room]).send(messages=_MESSAGES, connections=1)
    first = await _first(clinic, read, raw, rooms)
    later = []
    for number in range(rounds):
        room = rooms[number % len(rooms)]
        if number % 2:
            later.append((await raw(room, _MESSAGES), await read(room, _MESSAGES)))
        else:
            ours = await read(room, _MESSAGES)
            later.append((await raw(room, _MESSAGES), ours))
    await clinic.platform.bridge.restart()
    return [
        _row("history of 100 messages, read again", later),
        _row("  read for the first time", first),
        _row("  and by a process that never saw them", await _first(clinic, read, raw, rooms)),
    ]


async def _first(clinic: Clinic, read: Read, raw: Read, rooms: list[Consult]) -> list[tuple[float, float]]:
    await quiet(*clinic.pids)
    seconds = []
    for room in rooms:
        # Both have answered such questions before then: what is new in a first reading is the decryption.
        await read(room, 1)
        await raw(room, _MESSAGES)
        seconds.append((await raw(room, _MESSAGES), await read(room, _MESSAGES)))
    return seconds


def _row(name: str, seconds: list[tuple[float, float]]) -> Row:
    theirs, ours = (median(column) * 1000 for column in zip(*seconds, strict=True))
    return Row(
        name=name,
        measured=f"{ours:.0f} ms",
        peer=f"raw /messages {theirs:.0f} ms",
        ratio=median(our / their for their, our in seconds),
        bar=at_most(1.25),
    )


def _readers(clinic: Clinic) -> tuple[Read, Read]:
    """Reading over REST, and what the homeserver is asked for then."""

    async def read(room: Consult, limit: int) -> float:
        path = f"/api/messages/conversation/{quote(room.room_id)}"
        address, options = clinic.api(path, patient=room.patient)
        seconds, answer = await _get(clinic, address, {**options, "params": {"limit": str(limit)}})
        assert len(answer["messages"]) == limit
        assert all(message["type"] == "text" for message in answer["messages"])
        return seconds

    async def raw(room: Consult, limit: int) -> float:
        address, options = clinic.raw(
            f"/rooms/{quote(room.room_id)}/messages",
            user_id=room.patient,
            dir="b",
            limit=str(limit),
            filter=json.dumps({"types": ["m.room.encrypted"]}),
        )
        seconds, answer = await _get(clinic, address, options)
        assert len(answer["chunk"]) == limit
        return seconds

    return read, raw


async def _get(clinic: Clinic, address: str, options: dict[str, Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    async with clinic.http.get(address, **options) as response:
        body = await response.read()
        assert response.ok, body
    return time.perf_counter() - start, json.loads(body)
