"""A Synapse as its own `--generate-config` makes it: what the tuned profile is measured against."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bridge.demo.process import ChildProcess
from bridge.demo.server import Server

_PROGRAM = (sys.executable, "-m", "synapse.app.homeserver")
_READY_S = 90.0


class DefaultSynapse(Server):
    """Changed is only its port, and that it has this application service."""

    def __init__(self, *, directory: Path, client_port: int, registration: Mapping[str, Any]) -> None:
        self.server_name = f"localhost:{client_port}"
        self.client_url = f"http://127.0.0.1:{client_port}"
        self._directory = directory
        self._client_port = client_port
        self._registration = registration
        self._config = directory / "homeserver.yaml"
        output = directory / "homeserver.out"
        super().__init__(
            ChildProcess(command=(*_PROGRAM, "-c", str(self._config)), directory=directory, output=output),
            name="the homeserver",
            ready_url=f"{self.client_url}/_matrix/client/versions",
            ready_s=_READY_S,
            log_path=output,
        )

    async def start(self) -> None:
        """Have the configuration made and start the process."""
        self._directory.mkdir(parents=True)
        generating = await asyncio.create_subprocess_exec(
            *(*_PROGRAM, "--generate-config", "-c", str(self._config), "-H", self.server_name),
            *("--report-stats", "no", "--data-directory", str(self._directory)),
            cwd=self._directory,  # where the log is to be
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await generating.wait() == 0
        await asyncio.to_thread(self._adapt)
        await super().start()

    def _adapt(self) -> None:
        config = yaml.safe_load(self._config.read_text(encoding="utf-8"))
        (listener,) = config["listeners"]
        listener |= {"port": self._client_port, "bind_addresses": ["127.0.0.1"]}
        registration = self._directory / "registration.yaml"
        registration.write_text(yaml.safe_dump(dict(self._registration)), encoding="utf-8")
        config["app_service_config_files"] = [str(registration)]
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")
