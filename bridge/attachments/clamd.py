"""A virus scanner that looks at a file while it streams: clamd's INSTREAM (clamd(8)), over TCP or a Unix socket.

"zINSTREAM" and NUL, then pieces, each after its length in 4 bytes, then the length 0; the answer is "stream: OK" or
"stream: NAME FOUND" and NUL.
"""

import asyncio
from typing import Self
from urllib.parse import urlsplit

from bridge.attachments.errors import InfectedError, ScannerUnavailableError

_PATIENCE_S = 30.0
_LENGTH_BYTES = 4
_LONGEST_ANSWER = 4096
_BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Scan:
    """One file's way through the scanner, of `address` `tcp://host:port` or `unix:///path`.

    `async with` connects and hangs up. Every method raises ScannerUnavailableError.
    """

    def __init__(self, address: str, *, patience_s: float = _PATIENCE_S) -> None:
        self._address = urlsplit(address)
        self._patience_s = patience_s
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._patience_s):
                self._reader, self._writer = await self._connect()
        except _BROKEN as error:
            raise ScannerUnavailableError from error
        self._writer.write(b"zINSTREAM\0")
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._writer.close()

    async def feed(self, piece: bytes) -> None:
        """Show it the next piece."""
        self._writer.write(len(piece).to_bytes(_LENGTH_BYTES, "big"))
        self._writer.write(piece)
        await self._drain()

    async def verdict(self) -> None:
        """The file is over. Raises InfectedError when something was found."""
        self._writer.write(bytes(_LENGTH_BYTES))
        await self._drain()
        try:
            async with asyncio.timeout(self._patience_s):
                answer = (await self._reader.readuntil(b"\0")).rstrip(b"\0").strip()
        except _BROKEN as error:
            raise ScannerUnavailableError from error
        if answer.endswith(b" FOUND"):
            raise InfectedError
        if answer != b"stream: OK":  # "INSTREAM size limit exceeded", say: it has not seen the whole file
            raise ScannerUnavailableError(answer.decode(errors="replace"))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.scheme == "unix":
            return await asyncio.open_unix_connection(self._address.path, limit=_LONGEST_ANSWER)
        return await asyncio.open_connection(
            self._address.hostname, self._address.port, limit=_LONGEST_ANSWER
        )

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._writer.drain()
        except _BROKEN as error:
            raise ScannerUnavailableError from error
