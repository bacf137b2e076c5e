"""The peer as another process, in an environment of its own: made on first use, kept until its lock changes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.clinic import Clinic, Consult

_ROOT = Path(__file__).resolve().parents[1]
_LOCK = _ROOT / "requirements" / "bench.txt"
_ENVIRONMENT = _ROOT / ".venv" / "bench"
_PYTHON = _ENVIRONMENT / "bin" / "python"
_INSTALLED = _ENVIRONMENT / "installed"
_LINE_BYTES = 2**20


class PeerError(Exception):
    """There is no peer here; the message says why."""


class Peer:
    """mautrix-python in a process that answers commands. A contender once it has `rooms`."""

    def __init__(self, process: asyncio.subprocess.Process, *, body: str) -> None:
        self._process = process
        self._body = body
        self.cpu_s = 0.0
        self.messages = 0

    async def ask(self, **command: Any) -> Any:
        """The answer to a command of mautrix_sender.py. Raises PeerError."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(command).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise PeerError("it ended; see its words above")
        return json.loads(line)

    async def rooms(self, clinic: Clinic, consults: list[Consult]) -> None:
        """Make a device for each of these patients; `send` then writes in their rooms."""
        await self.ask(do="devices", users=[consult.patient for consult in consults])
        rotation = clinic.platform.settings.encryption
        rooms = [
            {
                "room_id": consult.room_id,
                "patient": consult.patient,
                "members": [consult.patient, clinic.professional],
                "rotation_period_msgs": rotation.rotation_period_msgs,
                "rotation_period_ms": rotation.rotation_period_ms,
            }
            for consult in consults
        ]
        await self.ask(do="rooms", rooms=rooms)

    async def send(self, *, messages: int, connections: int) -> float:
        """See Contender."""
        answer = await self.ask(do="send", messages=messages, connections=connections, body=self._body)
        self.cpu_s += answer["cpu_s"]
        self.messages += messages
        return float(answer["seconds"])


@asynccontextmanager
async def running(clinic: Clinic, directory: Path, *, body: str) -> AsyncGenerator[Peer]:
    """The peer's process, acting at the clinic's portal with its keys in `directory`; `install` comes first."""
    process = await asyncio.create_subprocess_exec(
        _PYTHON,
        Path(__file__).with_name("mautrix_sender.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        peer = Peer(process, body=body)
        await peer.ask(
            url=clinic.platform.portal.client_url,
            token=clinic.platform.settings.appservice.as_token.get_secret_value(),
            database=str(directory / "mautrix.db"),
        )
        yield peer
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def install() -> None:
    """Make the peer's environment, if it is not there. Raises PeerError, with the installer's last words."""
    await asyncio.to_thread(_install)


def _install() -> None:
    lock = _LOCK.read_text(encoding="utf-8")
    if _INSTALLED.exists() and _INSTALLED.read_text(encoding="utf-8") == lock:
        return
    print("making the environment of mautrix-python; libolm is compiled, which takes two minutes", flush=True)
    _run(sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT))
    _run(
        str(_PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "install",
        "--require-hashes", "--requirement", str(_LOCK),
    )  # fmt: skip
    _INSTALLED.write_text(lock, encoding="utf-8")


def _run(*command: str) -> None:
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 our own command
    if done.returncode != 0:
        raise PeerError("".join(done.stderr.strip().splitlines(keepends=True)[-5:]))
