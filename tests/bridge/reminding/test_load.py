"""Thousands of reminders in a minute, two schedulers, one of them killed every few seconds: each once, none early."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.demo.process import ChildProcess
from bridge.storage.database import Database
from tests.bridge.reminding.crowd import Arrivals, Crowd, mail_server, two_schedulers
from tests.e2e.world import eventually

PLANNED_A_SECOND = 100
BEGIN_S = 4.0
"""So long it may take until they look for what is to be planned."""
KILLED_EVERY_S = 4.0
QUIET_S = 4.0
"""So long nothing comes when only the dead have something yet."""


@pytest.mark.parametrize(
    ("count", "window_s", "most_kills"),
    [(300, 3.0, 2), pytest.param(10_000, 60.0, 1000, marks=pytest.mark.faults)],
)
async def test_each_once_and_none_early(
    migrated: tuple[str, Database], tmp_path: Path, count: int, window_s: float, most_kills: int
) -> None:
    """Over SMTP, which can't take back: what was accepted when its process died, one mail a kill, may come twice."""
    url, database = migrated
    started = time.monotonic()
    async with (
        mail_server() as server,
        two_schedulers(tmp_path, url=url, smtp_port=server.port) as processes,
    ):
        # A machine on which they start slowly plans slowly, too.
        begin_s = max(BEGIN_S, time.monotonic() - started)
        first_at = datetime.now(UTC) + timedelta(seconds=begin_s + count / PLANNED_A_SECOND)
        crowd = Crowd(database, count=count, first_at=first_at, window_s=window_s)
        await crowd.arrive()
        await eventually(crowd.states, until=lambda found: found.total() == count, within_s=300)
        planned = {name: row.due_at for name, row in (await crowd.due()).items()}
        left_s = (first_at - datetime.now(UTC)).total_seconds()
        assert left_s > 0, "planned too slowly for this test"
        assert server.came == []
        await asyncio.sleep(left_s)
        async with asyncio.timeout(480):
            kills = await kill_until_told(crowd, server, processes, most=most_kills)
    took = server.came[-1][1] - first_at.timestamp()
    found = f"{count} mails in {took:.0f} s, {kills} kills, {server.repeated()} repeated"
    print(f"\n{found}; planned {left_s:.0f} s before")  # noqa: T201 for who runs it
    assert await crowd.states() == {"sent": count}
    assert {name for name, _ in server.came} == set(planned)
    assert server.repeated() <= kills
    assert all(at >= planned[name].timestamp() for name, at in server.came)
    assert kills >= 1


async def kill_until_told(
    crowd: Crowd, server: Arrivals, processes: Sequence[ChildProcess], *, most: int
) -> int:
    """Kill one of the two every few seconds until everything was sent; how many kills."""
    kills, came, quiet_since = 0, 0, time.monotonic()
    next_kill = time.monotonic() + 1.0
    of_the_dead: set[str] = set()
    while (await crowd.states())["sent"] < crowd.count:
        await asyncio.sleep(0.2)
        now = time.monotonic()
        if len(server.came) != came:
            came, quiet_since = len(server.came), now
        if now - quiet_since > QUIET_S:
            await crowd.end_leases(of_the_dead)
            quiet_since = now
        elif kills < most and now > next_kill and now - quiet_since < QUIET_S / 2:
            process = processes[kills % 2]
            await process.kill()
            of_the_dead |= await crowd.leases()
            await process.start()
            kills += 1
            next_kill = now + KILLED_EVERY_S
    return kills
