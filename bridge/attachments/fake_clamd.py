"""A virus scanner on loopback that speaks clamd's protocol and finds what contains the EICAR test text."""

import asyncio
from typing import Self

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""Harmless; every scanner calls it a virus (eicar.org)."""

_LENGTH_BYTES = 4


class FakeClamd:
    """`async with FakeClamd() as clamd:` listens at `clamd.address`; more than `limit` bytes it refuses."""

    def __init__(self, *, limit: int = 1 << 30, unix_path: str | None = None) -> None:
        self._limit = limit
        self._unix_path = unix_path
        self._server: asyncio.Server
        self.address = ""
        self.seen: list[int] = []

    async def __aenter__(self) -> Self:
        if self._unix_path is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._unix_path)
            self.address = f"unix://{self._unix_path}"
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.address = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readuntil(b"\0") == b"zINSTREAM\0":
                writer.write(await self._judge(reader))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever sent the file gave up
        finally:
            writer.close()

    async def _judge(self, reader: asyncio.StreamReader) -> bytes:
        tail, size, found = b"", 0, False
        while length := int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big"):
            size += length
            if size > self._limit:  # the piece stays unread
                return b"INSTREAM size limit exceeded. ERROR\0"
            window = tail + await reader.readexactly(length)
            found = found or EICAR in window
            tail = window[-len(EICAR) :]
        self.seen.append(size)
        return b"stream: Eicar-Test-Signature FOUND\0" if found else b"stream: OK\0"
