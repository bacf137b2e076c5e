"""bridge/attachments/clamd.py: what clamd says is done, and without its word nothing is taken.

What the fake does, clamd itself does, where it is installed (Debian: clamav-daemon).
"""

import asyncio
import io
import zipfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bridge.attachments.clamd import Scan
from bridge.attachments.errors import InfectedError, ScannerUnavailableError, TooLargeToScanError
from bridge.attachments.fake_clamd import EICAR, FakeClamd
from tests.bridge.attachments.real_clamd import PROGRAM, RealClamd, real_clamd

LIMIT = 300_000

Clamd = AbstractAsyncContextManager[FakeClamd | RealClamd]
Opened = Callable[[], Clamd]

needs_clamd = pytest.mark.skipif(PROGRAM is None, reason="clamd is not installed")


@pytest.fixture(params=["fake", pytest.param("real", marks=needs_clamd)])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Starts a clamd that looks at LIMIT bytes at the most."""
    if request.param == "real":
        return lambda: real_clamd(limit=LIMIT)
    return lambda: FakeClamd(limit=LIMIT)


def zipped(content: bytes) -> bytes:
    """An archive with this in a file."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file", content)
    return whole.getvalue()


async def scan(address: str, *pieces: bytes, patience_s: float = 5.0) -> None:
    """Show it a file of these pieces, which come from a network."""
    async with Scan(address, patience_s=patience_s) as scanning:
        for piece in pieces:
            await scanning.feed(piece)
            await asyncio.sleep(0.001)
        await scanning.verdict()


async def test_a_clean_file_passes(opened: Opened) -> None:
    """In pieces of any size, up to what it looks at."""
    async with opened() as clamd:
        await scan(clamd.address, b"a", b"b" * 200_000, b"c")
        await scan(clamd.address, b"x" * LIMIT)


async def test_it_sees_the_whole_file() -> None:
    """Every byte of it."""
    async with FakeClamd() as clamd:
        await scan(clamd.address, b"a", b"b" * 200_000, b"c")
        assert clamd.seen == [200_002]


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    """As Debian's clamd has it."""
    async with FakeClamd(unix_path=str(tmp_path / "clamd.ctl")) as clamd:
        await scan(clamd.address, b"hola")
        assert clamd.seen == [4]


async def test_a_virus_is_found_across_pieces(opened: Opened) -> None:
    """Cutting it in two hides nothing."""
    async with opened() as clamd:
        with pytest.raises(InfectedError):
            await scan(clamd.address, b"x" * 1000 + EICAR[:30], EICAR[30:] + b"y")


@pytest.mark.parametrize("pieces", [1, 2, 3, 100])
async def test_a_file_that_it_refuses_to_see_whole_is_too_large(opened: Opened, pieces: int) -> None:
    """Said as such, whether it hangs up at the end or in the midst: trying again would not help."""
    async with opened() as clamd:
        with pytest.raises(TooLargeToScanError):
            await scan(clamd.address, *[b"x" * (900_000 // pieces)] * pieces)
        await scan(clamd.address, b"x" * LIMIT)


@needs_clamd
async def test_an_archive_that_it_does_not_see_whole_is_too_large() -> None:
    """With AlertExceedsMax it names that as if it were a virus. Nobody is told that she sent one."""
    async with real_clamd(limit=LIMIT) as clamd:
        with pytest.raises(InfectedError):
            await scan(clamd.address, zipped(EICAR))
        with pytest.raises(TooLargeToScanError):
            await scan(clamd.address, zipped(b"hola que tal " * LIMIT))


@pytest.mark.parametrize("limit", [b"MaxScanSize", b"MaxScanTime", b"MaxRecursion", b"MaxFiles"])
async def test_a_limit_that_it_met_within_a_file_is_no_virus(limit: bytes) -> None:
    """As clamd says it, of size or of time and depth."""

    async def limited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(b"zINSTREAM\0") + 4 + 1 + 4)
        writer.write(b"stream: Heuristics.Limits.Exceeded.%b FOUND\0" % limit)
        writer.close()

    async with await asyncio.start_server(limited, "127.0.0.1", 0) as server:
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(TooLargeToScanError):
            await scan(address, b"x")


@pytest.mark.parametrize("answer", [b"stream: OK\0", b"COMMAND READ TIMED OUT ERROR\0", b""])
async def test_an_early_answer_is_no_verdict(answer: bytes) -> None:
    """It has not seen the whole file: even "OK" says nothing of it."""

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(hasty, "127.0.0.1", 0) as server:
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ScannerUnavailableError):
            await scan(address, *[b"x" * 10_000] * 100)


async def test_nobody_there_is_no_verdict() -> None:
    """Neither when it refuses connections, nor when it says nothing, nor when it hangs up."""
    with pytest.raises(ScannerUnavailableError):
        await scan("tcp://127.0.0.1:1", b"x")
    with pytest.raises(ScannerUnavailableError):
        await scan("unix:///nowhere/clamd.ctl", b"x")

    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ScannerUnavailableError):
            await scan(address, b"x", patience_s=0.1)
        with pytest.raises(ScannerUnavailableError):
            await scan(address, b"x")
