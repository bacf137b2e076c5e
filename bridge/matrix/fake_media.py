"""A media repository in memory, beside MediaClient.

`before` sees every upload and `before_download` every download; they may raise, as a lost request.
"""

import itertools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager

from bridge.matrix.errors import MatrixError
from bridge.matrix.media import Media


class FakeMedia:
    """Files by their mxc: address, as they were given."""

    def __init__(self, *, piece_bytes: int = 1 << 16) -> None:
        self.files: dict[str, bytes] = {}
        self.before: Callable[[str], None] = lambda _user_id: None
        self.before_download: Callable[[str], None] = lambda _url: None
        self._piece_bytes = piece_bytes
        self.readers: list[str] = []
        self._numbers = itertools.count(1)

    async def upload(self, *, user_id: str, size: int, pieces: AsyncIterable[bytes]) -> str:
        """Keep a file: its address."""
        self.before(user_id)
        file = b"".join([piece async for piece in pieces])
        if len(file) != size:
            raise MatrixError(status=400, errcode="M_UNKNOWN", message="another length was announced")
        url = f"mxc://portal.example/media{next(self._numbers)}"
        self.files[url] = file
        return url

    @asynccontextmanager
    async def download(self, *, user_id: str, url: str) -> AsyncGenerator[Media]:
        """The file at this address."""
        self.readers.append(user_id)
        self.before_download(url)
        if url not in self.files:
            raise MatrixError(status=404, errcode="M_NOT_FOUND", message="Not found")
        file = self.files[url]

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(file), self._piece_bytes):
                yield file[start : start + self._piece_bytes]

        yield Media(len(file), pieces())
