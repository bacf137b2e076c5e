"""A virus scanner that looks at a file while it streams: clamd's INSTREAM (clamd(8)), over TCP or a Unix socket.

"zINSTREAM" and NUL, then pieces, each after its length in 4 bytes, then the length 0; the answer is "stream: OK" or
"stream: NAME FOUND" and NUL. A file beyond its StreamMaxLength it refuses in the midst of it, and hangs up. What is
beyond its other limits (an archive's content or depth, the time) it doesn't look at, and with AlertExceedsMax gives
that a virus' name.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from socket import socket
from typing import Self
from urllib.parse import urlsplit

from bridge.attachments.errors import InfectedError, ScannerUnavailableError, TooLargeToScanError

_PATIENCE_S = 30.0
_LENGTH_BYTES = 4
_LONGEST_ANSWER = 4096
_CLEAN = b"stream: OK"
_FOUND = b" FOUND"
_TOO_LARGE = (b"INSTREAM size limit exceeded.", b"stream: Heuristics.Limits.Exceeded.")
_BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Scan:
    """One file's way through the scanner, of `address` `tcp://host:port` or `unix:///path`.

    `async with` connects and hangs up. Every method raises ScannerUnavailableError.
    """

    def __init__(self, address: str, *, patience_s: float = _PATIENCE_S) -> None:
        self._address = urlsplit(address)
        self._patience_s = patience_s
        self._writer: asyncio.StreamWriter
        self._answer: asyncio.Task[bytes]
        self._socket: socket

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._patience_s):
                reader, self._writer = await self._connect()
        except _BROKEN as error:
            raise ScannerUnavailableError from error
        # Read from the start: it may answer, and hang up, before it has seen everything.
        self._answer = asyncio.create_task(reader.readuntil(b"\0"))
        self._socket = self._writer.get_extra_info("socket").dup()
        self._writer.write(b"zINSTREAM\0")
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._writer.close()
        self._socket.close()
        self._answer.cancel()
        await asyncio.gather(self._answer, return_exceptions=True)

    async def feed(self, piece: bytes) -> None:
        """Show it the next piece. Raises TooLargeToScanError, and InfectedError when it has seen enough."""
        await self._write(len(piece).to_bytes(_LENGTH_BYTES, "big"), piece)

    async def verdict(self) -> None:
        """The file is over. Raises InfectedError when something was found, TooLargeToScanError."""
        await self._write(bytes(_LENGTH_BYTES))
        await self._judge()

    async def _judge(self) -> None:
        answer = (await self._said()).rstrip(b"\0").strip()
        if answer.startswith(_TOO_LARGE):
            raise TooLargeToScanError
        if answer.endswith(_FOUND):
            raise InfectedError
        if answer != _CLEAN:
            raise ScannerUnavailableError(answer.decode(errors="replace"))

    async def _said(self) -> bytes:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._answer
        except ConnectionError:
            # It hung up on a piece that it didn't want, and writing met that first: the answer is still there.
            with suppress(OSError):
                return self._socket.recv(_LONGEST_ANSWER)
            raise ScannerUnavailableError from None
        except _BROKEN as error:
            raise ScannerUnavailableError from error

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.scheme == "unix":
            return await asyncio.open_unix_connection(self._address.path, limit=_LONGEST_ANSWER)
        return await asyncio.open_connection(
            self._address.hostname, self._address.port, limit=_LONGEST_ANSWER
        )

    async def _write(self, *data: bytes) -> None:
        if await self._is_written(data):
            return
        await self._judge()  # it has hung up, with or without a word
        raise ScannerUnavailableError("it has not seen the whole file")

    async def _is_written(self, data: Sequence[bytes]) -> bool:
        if self._answer.done():
            return False
        self._writer.writelines(data)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._writer.drain()
        except TimeoutError as error:
            raise ScannerUnavailableError from error
        except OSError:
            return False
        return True
