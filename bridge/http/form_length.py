"""How long the file of a form should be, before it is here: by the form's length, if the file ends it."""

from typing import Any, cast

from aiohttp import MultipartReader, StreamReader, hdrs, web

_AROUND_THE_LAST_BOUNDARY = len(b"\r\n" + b"--\r\n")


class FormContent:
    """A request's body as the parser of forms reads it, counted."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._content = request.content
        self._taken = 0
        self._boundary: bytes | None = None

    async def parts(self) -> MultipartReader:
        """What reads the form's parts. Raises ValueError when it has no boundary."""
        return MultipartReader(self._request.headers, cast(StreamReader, self))

    def expected_bytes(self) -> int | None:
        """The length of the part whose headers were just read, if it is the last.

        None when the request doesn't say its length. Forms may end in other ways than most do: this is what to
        expect, no more.
        """
        length = self._request.content_length
        if length is None or self._boundary is None or hdrs.CONTENT_ENCODING in self._request.headers:
            return None
        return length - self._taken - len(self._boundary) - _AROUND_THE_LAST_BOUNDARY

    async def read(self, n: int = -1) -> bytes:
        """As a StreamReader's."""
        piece = await self._content.read(n)
        self._taken += len(piece)
        return piece

    async def readline(self, **options: Any) -> bytes:
        """As a StreamReader's."""
        line = await self._content.readline(**options)
        self._taken += len(line)
        if self._boundary is None:
            self._boundary = line.rstrip(b"\r\n")
        return line

    def unread_data(self, data: bytes) -> None:
        """As a StreamReader's."""
        self._content.unread_data(data)
        self._taken -= len(data)

    def at_eof(self) -> bool:
        """As a StreamReader's."""
        return self._content.at_eof()
