"""Debian's clamd, started for a test, with one signature of our own: EICAR's."""

import asyncio
from pathlib import Path
from shutil import which
from typing import Self

from bridge.attachments.fake_clamd import EICAR

PROGRAM = which("clamd")
_READY_S = 30.0

_SETTINGS = """
DatabaseDirectory {directory}/signatures
LocalSocket {directory}/clamd.ctl
Foreground yes
LogFile {directory}/clamd.log
TemporaryDirectory {directory}
StreamMaxLength {limit}
MaxFileSize {limit}
MaxScanSize {limit}
AlertExceedsMax yes
"""


class RealClamd:
    """As FakeClamd: `async with RealClamd(directory, limit=...) as clamd:` listens at `clamd.address`."""

    def __init__(self, directory: Path, *, limit: int = 1 << 20) -> None:
        self._directory = directory
        self._limit = limit
        self._socket = directory / "clamd.ctl"
        self._process: asyncio.subprocess.Process
        self.address = f"unix://{self._socket}"

    async def __aenter__(self) -> Self:
        assert PROGRAM is not None
        signatures = self._directory / "signatures"
        signatures.mkdir()
        (signatures / "test.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        settings = self._directory / "clamd.conf"
        settings.write_text(_SETTINGS.format(directory=self._directory, limit=self._limit))
        with (self._directory / "clamd.out").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM, f"--config-file={settings}", stdout=output, stderr=output
            )
        async with asyncio.timeout(_READY_S):
            while not self._socket.exists():
                assert self._process.returncode is None, (self._directory / "clamd.out").read_text()
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._process.terminate()
        await self._process.wait()
