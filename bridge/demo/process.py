"""A program of the platform as a child process, with its output in a file."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

_GRACE_S = 15.0
_POLL_S = 0.05


class ProcessEndedError(Exception):
    """The program ended before it answered; the message is the last line it printed, or where to look."""


class ChildProcess:
    """`command` is a program and its arguments; what it prints is appended to `output`.

    The program gets the environment of this process with `environment` on top, and dies with this process.
    """

    def __init__(
        self,
        *,
        command: Sequence[str],
        directory: Path,
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.output = output
        self._command = command
        self._directory = directory
        self._environment = environment or {}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when the program was never started."""
        return self._started().pid

    async def start(self) -> None:
        """Start the program; returns at once."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bridge.demo.tether",
                str(os.getpid()),
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._directory,
                env={**os.environ, **self._environment},
                # Ctrl-C goes to the whole foreground group; each child is told by us, in order.
                start_new_session=True,
            )

    async def wait_answering(self, url: str, *, within_s: float) -> None:
        """Returns once the program answers this URL with success.

        Raises ProcessEndedError when it ends before, TimeoutError when it takes too long.
        """
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as http:
            while not await _answers(http, url):
                if not self.is_running:
                    raise ProcessEndedError(self.last_line() or f"see {self.output}")
                await asyncio.sleep(_POLL_S)

    async def wait(self) -> int:
        """The exit code, once the program ends."""
        return await self._started().wait()

    async def stop(self) -> None:
        """Ask the program to end (SIGTERM) and wait; it is killed when it takes too long."""
        if not self.is_running:
            return
        self._started().send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), timeout=_GRACE_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the program at once (SIGKILL) and wait until it is gone."""
        if self.is_running:
            self._started().kill()
            await self.wait()

    def last_line(self) -> str:
        """The last line with words that the program printed, or an empty text."""
        if not self.output.exists():
            return ""
        lines = self.output.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if any(map(str.isalpha, line))), "")

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the program was never started")
        return self._process


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.ok
    except aiohttp.ClientError:
        return False
