"""The fixed jobs that one process runs on a beat: retries of what had to wait, and cleaning up.

What is due stands in the database, so a missed beat loses nothing; the jobs themselves live in memory only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from apscheduler.schedulers.asyncio import AsyncIOScheduler


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `seconds`; it does not overlap with itself."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]


class Scheduler:
    """Runs jobs from `start` to `stop`."""

    def __init__(self, jobs: list[Job]) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        """Begin; each job runs for the first time after its interval."""
        for job in self._jobs:
            self._scheduler.add_job(
                job.run,
                "interval",
                seconds=job.seconds,
                id=job.name,
                name=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no more runs."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
