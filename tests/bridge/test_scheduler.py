"""bridge/scheduler.py: jobs on a beat."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from bridge.scheduler import Job, Scheduler

BEAT_S = 0.02

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The scheduler's own log tells of failing and of slow jobs, which are meant here."""
    caplog.set_level(logging.CRITICAL)


class Runs:
    """Notes every run of a job."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.at_work = 0
        self.most_at_work = 0
        self.ended = 0
        self.is_last = asyncio.Event()

    async def quick(self) -> None:
        """Done at once."""
        self.begun.put_nowait(None)

    async def failing(self) -> None:
        """Never done."""
        self.begun.put_nowait(None)
        raise ValueError

    async def endless(self) -> None:
        """Asks somebody who does not answer."""
        self.at_work += 1
        self.begun.put_nowait(None)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.at_work -= 1

    async def slow(self) -> None:
        """Takes longer than a beat."""
        self.begun.put_nowait(None)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(3 * BEAT_S)
        self.at_work -= 1
        self.ended += 1

    async def busy(self) -> None:
        """One piece of work after another, until it is told to come to its end."""
        self.begun.put_nowait(None)
        await self.is_last.wait()
        self.ended += 1

    def wind_down(self) -> None:
        """As a job is told."""
        self.is_last.set()

    async def seen(self, count: int) -> None:
        """Wait for so many more runs, ten seconds at most."""
        async with asyncio.timeout(10):
            for _ in range(count):
                await self.begun.get()


@asynccontextmanager
async def running(
    *jobs: Callable[[], Awaitable[object]], wind_down: Callable[[], None] | None = None
) -> AsyncGenerator[Scheduler]:
    """A scheduler with these jobs, on a quick beat."""
    scheduler = Scheduler([Job(f"job {number}", BEAT_S, job, wind_down) for number, job in enumerate(jobs)])
    scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop(grace_s=0)


async def test_a_job_runs_again_and_again() -> None:
    """The first time after its interval."""
    runs = Runs()
    async with running(runs.quick):
        await asyncio.sleep(0)
        assert runs.begun.empty()
        await runs.seen(3)


async def test_a_job_may_run_at_once() -> None:
    """A process that never lives as long as an interval runs it too."""
    runs = Runs()
    scheduler = Scheduler([Job("soon", 3600, runs.quick, at_once=True)])
    scheduler.start()
    await runs.seen(1)
    await scheduler.stop(grace_s=0)


async def test_a_failing_job_runs_again() -> None:
    """And so do the others."""
    failing, working = Runs(), Runs()
    async with running(failing.failing, working.quick):
        await failing.seen(2)
        await working.seen(2)


async def test_a_job_does_not_overlap_with_itself() -> None:
    """However long it takes, it runs again on a beat after its end."""
    runs = Runs()
    async with running(runs.slow):
        await runs.seen(3)
    assert runs.most_at_work == 1


async def test_nothing_runs_after_the_stop() -> None:
    """Stopping twice, or before the start, is harmless."""
    runs = Runs()
    await Scheduler([]).stop()
    async with running(runs.quick) as scheduler:
        await runs.seen(1)
        await scheduler.stop()
        seen = runs.begun.qsize()
        await asyncio.sleep(3 * BEAT_S)
    assert runs.begun.qsize() == seen


async def test_a_stop_waits_for_what_runs() -> None:
    """A run that is about to end does so: it is not cut off between what it did and its note of that."""
    runs = Runs()
    async with running(runs.slow) as scheduler:
        await runs.seen(1)
        await scheduler.stop()
        assert (runs.at_work, runs.ended) == (0, 1)


async def test_who_has_much_to_do_is_told_of_the_stop() -> None:
    """And ends with the piece of work in hand, long before the grace does."""
    runs = Runs()
    async with running(runs.busy, wind_down=runs.wind_down) as scheduler:
        await runs.seen(1)
        async with asyncio.timeout(10):
            await scheduler.stop(grace_s=60)
        assert runs.ended == 1


async def test_a_stop_waits_for_a_piece_of_work() -> None:
    """That may take longer than the grace, and is not cut off; nobody waits as long for another job."""
    ended: list[str] = []
    begun = asyncio.Queue[str]()

    async def work(name: str, beats: int) -> None:
        begun.put_nowait(name)
        try:
            await asyncio.sleep(beats * BEAT_S)
        except asyncio.CancelledError:
            ended.append(f"{name} is cut off")
            raise
        ended.append(f"{name} is done")

    jobs = [
        Job("piece", BEAT_S, partial(work, "piece", 10), piece_s=60),
        Job("other", BEAT_S, partial(work, "other", 1000)),
    ]
    scheduler = Scheduler(jobs)
    scheduler.start()
    assert {await begun.get(), await begun.get()} == {"piece", "other"}
    await scheduler.stop(grace_s=BEAT_S)
    assert ended == ["other is cut off", "piece is done"]


async def test_a_stop_ends_what_runs(caplog: pytest.LogCaptureFixture) -> None:
    """After the grace. What a job needs may be closed then; ending it so is no error."""
    caplog.set_level(logging.ERROR)  # that a beat was left out, since one was at work, is a warning
    runs = Runs()
    async with running(runs.endless) as scheduler:
        await runs.seen(1)
        await scheduler.stop(grace_s=BEAT_S)
        assert runs.at_work == 0
        await asyncio.sleep(BEAT_S)
    assert caplog.messages == []


async def test_a_stop_on_the_very_beat_is_clean(caplog: pytest.LogCaptureFixture) -> None:
    """A run that is due when the scheduler stops has not begun, or is ended: no error either way."""
    caplog.set_level(logging.ERROR)
    for turns in range(8):
        runs = Runs()
        async with running(runs.endless) as scheduler:
            time.sleep(BEAT_S)  # noqa: ASYNC251 — the beat is over, and the loop could not tell yet
            for _ in range(turns):
                await asyncio.sleep(0)
            await scheduler.stop(grace_s=0)
            await asyncio.sleep(0)
            assert runs.at_work == 0
    assert caplog.messages == []
