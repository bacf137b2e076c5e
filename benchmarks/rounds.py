"""Rounds that alternate between contenders, so that a machine that speeds up or slows down does so for all."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from typing import Protocol

import psutil

_QUIET_S = 0.4
_QUIET_SHARE = 0.05
_PATIENCE_S = 10.0


class Contender(Protocol):
    """Somebody who sends messages."""

    async def send(self, *, messages: int, connections: int) -> float:
        """Send so many, on so many connections at once, each in a room of its own; the seconds it took."""


async def at_once(task: Callable[[int], Awaitable[None]], *, messages: int, connections: int) -> float:
    """Run `task(connection)` that many times in all, spread over the connections; the seconds it took."""
    tickets = iter(range(messages))

    async def work(connection: int) -> None:
        for _ in tickets:
            await task(connection)

    start = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in range(connections)))
    return time.perf_counter() - start


async def alternate(
    contenders: Mapping[str, Contender],
    *,
    rounds: int,
    messages: int,
    connections: int,
) -> dict[str, list[float]]:
    """The seconds of every round of every contender; each round they go in the other direction."""
    seconds: dict[str, list[float]] = defaultdict(list)
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            took = await contenders[name].send(messages=messages, connections=connections)
            seconds[name].append(took)
        order.reverse()
    return seconds


def times_faster(ours: list[float], theirs: list[float]) -> float:
    """How many times as fast ours is, round by round: the median."""
    return median(their / our for our, their in zip(ours, theirs, strict=True))


def cpu_s(pid: int) -> float:
    """The processor seconds that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def quiet(*pids: int) -> None:
    """Returns once these processes have done what was left to do; 10 s at the most."""
    deadline = time.monotonic() + _PATIENCE_S
    used = sum(map(cpu_s, pids))
    while time.monotonic() < deadline:
        await asyncio.sleep(_QUIET_S)
        before, used = used, sum(map(cpu_s, pids))
        if used - before <= _QUIET_S * _QUIET_SHARE * len(pids):
            return
