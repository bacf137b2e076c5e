"""The application service as a child process: `videoconsulta serve`, and whether it answers."""

import sys
from pathlib import Path

from bridge.demo.errors import DemoError
from bridge.demo.process import ChildProcess, ProcessEndedError

_READY_S = 60.0


class BridgeError(DemoError):
    """The application service did not come up; the message says why and where its log is."""


class BridgeProcess:
    """`videoconsulta serve` with this settings file, which lets it listen at `api_url`."""

    def __init__(self, *, config: Path, api_url: str, log_path: Path) -> None:
        self.config = config
        self.api_url = api_url
        self.log_path = log_path
        self._process = ChildProcess(
            command=(sys.executable, "-m", "bridge", "serve", "--config", str(config)),
            directory=config.parent,
            output=log_path,
        )

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
        """Returns once `/health/ready` says yes.

        Raises BridgeError when the process ends or takes longer than 60 s.
        """
        try:
            await self._process.wait_answering(f"{self.api_url}/health/ready", within_s=_READY_S)
        except ProcessEndedError as error:
            raise BridgeError(f"the application service ended: {error}") from None
        except TimeoutError:
            raise BridgeError(
                f"the application service was not ready in {_READY_S:.0f} s; see {self.log_path}"
            ) from None

    async def stop(self) -> None:
        """Stop the process cleanly; it is killed when it does not."""
        await self._process.stop()

    async def kill9(self) -> None:
        """SIGKILL, as a power cut would."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop, start, and wait until it is ready."""
        await self.stop()
        await self.start()
        await self.wait_ready()

    async def wait_ended(self) -> int:
        """The exit code, once the process ends, for whatever reason."""
        return await self._process.wait()
