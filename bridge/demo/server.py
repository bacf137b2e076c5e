"""A server of the platform as a child process: started, asked whether it answers, stopped and killed."""

from pathlib import Path

from bridge.demo.errors import DemoError
from bridge.demo.process import ChildProcess, ProcessEndedError


class ServerError(DemoError):
    """A server did not come up; the message says which one, why, and where its log is."""


class Server:
    """The server whose program is `process`, and which people know as `name`.

    It is up once `ready_url` answers with success, within `ready_s` seconds; its log is at `log_path`.
    """

    def __init__(
        self, process: ChildProcess, *, name: str, ready_url: str, ready_s: float, log_path: Path
    ) -> None:
        self.log_path = log_path
        self._process = process
        self._name = name
        self._ready_url = ready_url
        self._ready_s = ready_s

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.is_running

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError before the first start."""
        return self._process.pid

    async def start(self) -> None:
        """Start the process; `wait_ready` says when it answers."""
        await self._process.start()

    async def wait_ready(self) -> None:
        """Returns once it answers. Raises ServerError when the process ends before, or takes too long."""
        try:
            await self._process.wait_answering(self._ready_url, within_s=self._ready_s)
        except ProcessEndedError as error:
            raise ServerError(f"{self._name} ended at its start: {error}") from None
        except TimeoutError:
            raise ServerError(
                f"{self._name} did not answer in {self._ready_s:.0f} s; see {self.log_path}"
            ) from None

    async def stop(self) -> None:
        """Stop the process cleanly; it is killed when it does not."""
        await self._process.stop()

    async def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop, start, and wait until it answers."""
        await self.stop()
        await self.start()
        await self.wait_ready()

    async def wait_ended(self) -> int:
        """The exit code, once the process ends, for whatever reason."""
        return await self._process.wait()
