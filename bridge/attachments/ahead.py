"""An upload that begins while its file still comes in.

The homeserver wants to know the length before the first byte, and keeps nothing of an upload that breaks off. So what
the sender's request lets us expect is announced, and the last pieces wait until the file is known to be good and of
exactly that length: what was guessed wrongly ends as nothing at all.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self

from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.media import MediaClient

_WAITING = 2


class Ahead:
    """The ciphertext of one file on its way to `media`, as long as it has no more than `size` bytes."""

    def __init__(self, media: MediaClient, *, owner: str, size: int) -> None:
        self._media = media
        self._owner = owner
        self._size = size
        self._given = 0
        self._held: Sequence[bytes] = ()
        self._waiting: asyncio.Queue[Sequence[bytes]] = asyncio.Queue(_WAITING)
        self._uploading: asyncio.Task[str] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Self]:
        """For the length of the block; what isn't complete by then is broken off."""
        try:
            yield self
        finally:
            await self._abandon()

    async def feed(self, pieces: Sequence[bytes]) -> None:
        """The next pieces, which go out when more have come. What goes wrong is told by `complete`."""
        self._given += sum(map(len, pieces))
        if self._given > self._size:
            await self._abandon()
            return
        held, self._held = self._held, pieces
        if held:
            await self._put(held)

    async def complete(self) -> str | None:
        """Let the last pieces go: the file's mxc: address; None when it has to be sent anew. Raises MatrixError."""
        if self._given != self._size:
            return None
        await self._put(self._held)
        with suppress(HomeserverUnreachableError):
            return None if self._uploading is None else await self._uploading
        return None

    async def _put(self, pieces: Sequence[bytes]) -> None:
        if self._uploading is None:
            upload = self._media.upload(user_id=self._owner, size=self._size, pieces=self._pieces())
            self._uploading = asyncio.create_task(upload)
            self._uploading.add_done_callback(self._let_go)
        if not self._uploading.done():
            await self._waiting.put(pieces)

    async def _pieces(self) -> AsyncIterator[bytes]:
        left = self._size
        while left:
            for piece in await self._waiting.get():
                left -= len(piece)
                yield piece

    def _let_go(self, _uploading: asyncio.Task[str]) -> None:
        # Whoever waits to put pieces has nobody to take it any more.
        while not self._waiting.empty():
            self._waiting.get_nowait()

    async def _abandon(self) -> None:
        if self._uploading is not None:
            self._uploading.cancel()
            await asyncio.gather(self._uploading, return_exceptions=True)
