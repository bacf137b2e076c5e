"""A form's bytes: how many its last part should have before they are here, and a part's content as it comes.

aiohttp's parser reads the form. A file's bytes go past it: it would copy each of them three times.
"""

from collections.abc import AsyncIterator
from typing import Any, cast

from aiohttp import MultipartReader, StreamReader, hdrs, web
from aiohttp.helpers import parse_mimetype

_NEW_LINE = b"\r\n"
_AROUND_THE_LAST_BOUNDARY = len(_NEW_LINE) + len(b"--" + _NEW_LINE)


class FormContent:
    """A request's body as the parser of forms reads it, counted."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._content = request.content
        self._taken = 0
        self._back = b""
        self._boundary: bytes

    async def parts(self) -> MultipartReader:
        """What reads the form's parts; to be called first. Raises ValueError when it has no boundary."""
        reader = MultipartReader(self._request.headers, cast(StreamReader, self))
        said = parse_mimetype(self._request.headers[hdrs.CONTENT_TYPE]).parameters
        self._boundary = b"--" + said["boundary"].encode()
        return reader

    def expected_bytes(self) -> int | None:
        """The length of the part whose headers were just read, if it is the last.

        None when the request doesn't say its length. Forms may end in other ways than most do: this is what to
        expect, no more.
        """
        length = self._request.content_length
        if length is None:
            return None
        return length - self._taken - len(self._boundary) - _AROUND_THE_LAST_BOUNDARY

    async def pieces(self) -> AsyncIterator[bytes]:
        """The content of the part whose headers were just read; the parser finds an empty one in its place.

        Raises ValueError when the form ends in its midst, and what reading the request raises.
        """
        delimiter = _NEW_LINE + self._boundary
        # An empty part may begin with its delimiter, whose new line is then the one that ends the headers.
        held, start = _NEW_LINE, len(_NEW_LINE)
        while came := await self._next():
            piece = held + came  # no copy where nothing is held, nor where a slice is the whole
            end = _end_of_content(piece, delimiter)
            held = piece[end:]
            if end > start:
                yield piece[start:end]
            start = max(0, start - end)
            if held.startswith(delimiter):
                self.unread_data(held)
                return
        raise ValueError("a form that ends within a part")

    async def _next(self) -> bytes:
        """What has come, as it came: joining it would be a copy."""
        piece, self._back = self._back, b""
        while not piece and not self._content.at_eof():
            piece, _ = await self._content.readchunk()
        self._taken += len(piece)
        return piece

    async def read(self, n: int = -1) -> bytes:
        """As a StreamReader's."""
        if self._back:
            piece, self._back = (self._back[:n], self._back[n:]) if n >= 0 else (self._back, b"")
        else:
            piece = await self._content.read(n)
        self._taken += len(piece)
        return piece

    async def readline(self, **options: Any) -> bytes:
        """As a StreamReader's."""
        end = self._back.find(b"\n") + 1
        if end:
            line, self._back = self._back[:end], self._back[end:]
        else:
            line, self._back = self._back + await self._content.readline(**options), b""
        self._taken += len(line)
        return line

    def unread_data(self, data: bytes) -> None:
        """As a StreamReader's."""
        self._back = data + self._back
        self._taken -= len(data)

    def at_eof(self) -> bool:
        """As a StreamReader's."""
        return not self._back and self._content.at_eof()


def _end_of_content(piece: bytes, delimiter: bytes) -> int:
    """Where the delimiter begins, or what may be its beginning; the length of the piece if there is none."""
    end = piece.find(delimiter)
    if end < 0:
        end = piece.rfind(delimiter[:1], max(0, len(piece) - len(delimiter) + 1))
    return end if end >= 0 and delimiter.startswith(piece[end : end + len(delimiter)]) else len(piece)
