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
from benchmarks.table import Bar, Row, at_most

_MESSAGES = 100
_BAR = at_most(1.25)

Read = Callable[[Consult], Awaitable[float]]


async def measure(clinic: Clinic, *, rooms: list[Consult], rounds: int) -> list[Row]:
    """Rows for a first reading and for later ones. `rooms` may hold any number of messages already."""
    read, raw = _readers(clinic)
    for room in rooms:
        await Rest(clinic, [room]).send(messages=_MESSAGES, connections=1)
    await quiet(*clinic.pids)
    first = [(await _second(raw, room), await read(room)) for room in rooms]
    later = []
    for number in range(rounds):
        room = rooms[number % len(rooms)]
        if number % 2:
            later.append((await raw(room), await read(room)))
        else:
            ours = await read(room)
            later.append((await raw(room), ours))
    return [
        _row("history of 100 messages, read again", later, _BAR),
        _row("  read for the first time", first),
    ]


async def _second(raw: Read, room: Consult) -> float:
    # The homeserver's caches are warm for both then: what is new in the first reading is the decryption.
    await raw(room)
    return await raw(room)


def _row(name: str, seconds: list[tuple[float, float]], bar: Bar | None = None) -> Row:
    theirs, ours = (median(column) * 1000 for column in zip(*seconds, strict=True))
    return Row(
        name=name,
        measured=f"{ours:.0f} ms",
        peer=f"raw /messages {theirs:.0f} ms",
        ratio=median(our / their for their, our in seconds),
        bar=bar,
    )


def _readers(clinic: Clinic) -> tuple[Read, Read]:
    """Reading over REST, and what the homeserver is asked for then."""

    async def read(room: Consult) -> float:
        path = f"/api/messages/conversation/{quote(room.room_id)}"
        address, options = clinic.api(path, patient=room.patient)
        seconds, answer = await _get(clinic, address, {**options, "params": {"limit": str(_MESSAGES)}})
        assert len(answer["messages"]) == _MESSAGES
        assert all(message["type"] == "text" for message in answer["messages"])
        return seconds

    async def raw(room: Consult) -> float:
        address, options = clinic.raw(
            f"/rooms/{quote(room.room_id)}/messages",
            user_id=room.patient,
            dir="b",
            limit=str(_MESSAGES),
            filter=json.dumps({"types": ["m.room.encrypted"]}),
        )
        seconds, answer = await _get(clinic, address, options)
        assert len(answer["chunk"]) == _MESSAGES
        return seconds

    return read, raw


async def _get(clinic: Clinic, address: str, options: dict[str, Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    async with clinic.http.get(address, **options) as response:
        body = await response.read()
        assert response.ok, body
    return time.perf_counter() - start, json.loads(body)
