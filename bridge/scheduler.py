"""The fixed jobs that one process runs on a beat: retries of what had to wait, and cleaning up.

What is due stands in the database, so a missed beat loses nothing; the jobs themselves live in memory only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bridge.clock import utc_now


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `seconds`, and `at_once` when that begins; it does not overlap with itself.

    `wind_down` tells a run that goes on as long as there is work that it is to end with what it has in hand, and
    `piece_s` is how long that may take: a stop waits for it, however short its grace.
    """

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]
    wind_down: Callable[[], None] | None = None
    piece_s: float = 0.0
    at_once: bool = False


class Scheduler:
    """Runs jobs from `start` to `stop`."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._at_work: dict[asyncio.Future[object], Job] = {}
        self._is_stopping = False

    def start(self) -> None:
        """Begin; each job runs for the first time after its interval, or at once."""
        for job in self._jobs:
            first = {"next_run_time": utc_now()} if job.at_once else {}
            self._scheduler.add_job(
                partial(self._run, job),
                "interval",
                seconds=job.seconds,
                id=job.name,
                name=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                **first,
            )
        self._scheduler.start()

    async def stop(self, *, grace_s: float = 3.0) -> None:
        """Begin no more runs, and wait for those that are at work.

        After `grace_s` seconds, or what a piece of their work may take, they are cut off. Afterwards no job needs
        anything any more.
        """
        if self._is_stopping or not self._scheduler.running:
            return
        self._is_stopping = True
        self._scheduler.pause()
        for job in self._jobs:
            if job.wind_down is not None:
                job.wind_down()
        await asyncio.gather(
            *(_end(run, within_s=max(grace_s, job.piece_s)) for run, job in self._at_work.items())
        )
        # Last, since it logs each run that it has to end as an error.
        self._scheduler.shutdown(wait=False)

    async def _run(self, job: Job) -> None:
        if self._is_stopping:
            return
        at_work = asyncio.ensure_future(job.run())
        self._at_work[at_work] = job
        try:
            await at_work
        except asyncio.CancelledError:
            if not self._is_stopping:
                raise
        finally:
            del self._at_work[at_work]


async def _end(run: asyncio.Future[object], *, within_s: float) -> None:
    await asyncio.wait({run}, timeout=within_s)
    run.cancel()
    await asyncio.wait({run})
