"""Debian's clamd, started for a test, with one signature of our own: EICAR's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from bridge.attachments.fake_clamd import EICAR

PROGRAM = which("clamd")
_READY_S = 60.0

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


@dataclass(frozen=True, slots=True)
class RealClamd:
    """As FakeClamd: it listens at `address`."""

    address: str


@asynccontextmanager
async def real_clamd(*, limit: int) -> AsyncGenerator[RealClamd]:
    """It runs for the length of the block, and looks at `limit` bytes at the most."""
    assert PROGRAM is not None
    # Not pytest's directory, whose path may be longer than a socket's can be (108 bytes).
    with TemporaryDirectory(prefix="clamd-") as name:
        directory = Path(name)
        settings = _prepared(directory, limit=limit)
        with (directory / "clamd.out").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                PROGRAM, f"--config-file={settings}", stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(_READY_S):
                while not await _listens(directory / "clamd.ctl"):
                    assert process.returncode is None, (directory / "clamd.out").read_text()
                    await asyncio.sleep(0.05)
            yield RealClamd(f"unix://{directory}/clamd.ctl")
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _prepared(directory: Path, *, limit: int) -> Path:
    signatures = directory / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
    settings = directory / "clamd.conf"
    settings.write_text(_SETTINGS.format(directory=directory, limit=limit))
    return settings


async def _listens(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
