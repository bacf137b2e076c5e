"""The application service as a child process: `videoconsulta serve`, and whether it answers."""

import sys
from pathlib import Path

from bridge.demo.process import ChildProcess
from bridge.demo.server import Server

_READY_S = 60.0


class BridgeProcess(Server):
    """`videoconsulta serve` with this settings file, which lets it listen at `api_url`."""

    def __init__(self, *, config: Path, api_url: str, log_path: Path) -> None:
        process = ChildProcess(
            command=(sys.executable, "-m", "bridge", "serve", "--config", str(config)),
            directory=config.parent,
            output=log_path,
        )
        super().__init__(
            process,
            name="the application service",
            ready_url=f"{api_url}/health/ready",
            ready_s=_READY_S,
            log_path=log_path,
        )
        self.config = config
        self.api_url = api_url
