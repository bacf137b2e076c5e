"""bridge/attachments/ahead.py: an upload that begins before its file is whole ends well, or as nothing."""

import asyncio
from collections.abc import AsyncIterable

import aiohttp
import pytest

from bridge.attachments.ahead import Ahead
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.fake_media import FakeMedia
from bridge.matrix.media import MediaClient
from tests.bridge.matrix.stuck_homeserver import stuck_homeserver
from tests.until import until

OWNER = "@portal_lucia:portal"
PIECES = (b"a" * 1000, b"b" * 1000, b"c" * 1000, b"d" * 1000, b"e" * 10)
FILE = b"".join(PIECES)


class SlowMedia(FakeMedia):
    """A FakeMedia that tells what of an upload has come; after `breaks_after` pieces it raises `error`."""

    def __init__(self, *, breaks_after: int = 100, error: Exception | None = None) -> None:
        super().__init__()
        self.came = b""
        self._breaks_after = breaks_after
        self._error = error

    async def upload(self, *, user_id: str, size: int, pieces: AsyncIterable[bytes]) -> str:
        """As a FakeMedia does."""

        async def watched() -> AsyncIterable[bytes]:
            number = 0
            async for piece in pieces:
                self.came += piece
                number += 1
                if self._error is not None and number > self._breaks_after:
                    raise self._error
                yield piece

        return await super().upload(user_id=user_id, size=size, pieces=watched())


async def given(media: FakeMedia | MediaClient, *pieces: bytes, size: int = len(FILE)) -> str | None:
    """What comes of these pieces, when `size` bytes were expected."""
    async with asyncio.timeout(5), Ahead(media, owner=OWNER, size=size).opened() as ahead:
        for piece in pieces:
            await ahead.feed([piece])
        return await ahead.complete()


@pytest.mark.parametrize("pieces", [PIECES, (FILE,)], ids=["many", "one"])
async def test_what_was_expected_is_there(pieces: tuple[bytes, ...]) -> None:
    """Byte by byte, once."""
    media = FakeMedia()
    url = await given(media, *pieces)
    assert media.files == {url: FILE}


async def test_all_but_the_last_piece_goes_at_once() -> None:
    """And the last one only when it is said to be good: a block that ends without leaves nothing."""
    media = SlowMedia()
    async with asyncio.timeout(5), Ahead(media, owner=OWNER, size=len(FILE)).opened() as ahead:
        for piece in PIECES:
            await ahead.feed([piece])
        expected = b"".join(PIECES[:-1])
        await until(lambda: len(media.came) >= len(expected))
        assert media.came == expected
    assert media.files == {}


@pytest.mark.parametrize("size", [1, 1000, 3999, len(FILE) - 2, len(FILE) + 1, 10_000])
async def test_another_length_than_expected_is_sent_anew(size: int) -> None:
    """Longer or shorter: no address, and nothing at the homeserver."""
    media = FakeMedia()
    assert await given(media, *PIECES, size=size) is None
    assert media.files == {}


@pytest.mark.parametrize("breaks_after", [0, 1, 3, 4])
async def test_a_lost_connection_holds_nobody_up(breaks_after: int) -> None:
    """The rest of the file comes in all the same, to be sent anew."""
    media = SlowMedia(breaks_after=breaks_after, error=HomeserverUnreachableError("gone"))
    assert await given(media, *PIECES) is None
    assert media.files == {}


async def test_a_refusal_is_told() -> None:
    """Sending it anew would change nothing."""
    media = SlowMedia(breaks_after=1, error=MatrixError(status=413, errcode="M_TOO_LARGE", message=""))
    with pytest.raises(MatrixError):
        await given(media, *PIECES)


async def test_a_homeserver_that_stops_reading_holds_nobody_up() -> None:
    """When the client's patience is over, the rest of the file comes in all the same, to be sent anew."""
    pieces = [bytes(1024 * 1024)] * 32  # more than the system's buffers take
    async with asyncio.timeout(20), stuck_homeserver() as address, aiohttp.ClientSession() as http:
        media = MediaClient(base_url=address, as_token="secret", http=http, patience_s=0.3)
        assert await given(media, *pieces, size=len(b"".join(pieces))) is None
