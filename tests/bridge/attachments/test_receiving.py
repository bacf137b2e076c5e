"""bridge/attachments/receiving.py: a file is judged while it comes in."""

from collections.abc import AsyncIterator

import pytest

from bridge.attachments.errors import InfectedError, ScannerUnavailableError, TooLargeError
from bridge.attachments.fake_clamd import EICAR, FakeClamd
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.settings import AttachmentSettings
from tests.bridge.attachments.files import PDF, in_pieces, room_of
from tests.bridge.clinic import Clinic


async def test_too_much_is_noticed_as_it_comes(clinic: Clinic) -> None:
    """The rest is not read; nothing went to the homeserver."""
    receiving = Receiving(settings=AttachmentSettings(max_bytes=100_000), pictures=Pictures())
    read = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b"%PDF-" + b"x" * 30_000

    with pytest.raises(TooLargeError):
        async with receiving.received(endless(), name="a.pdf", declared=None):
            pass
    assert len(read) == 4
    assert await room_of(clinic)
    assert clinic.media.files == {}


@pytest.mark.parametrize("piece_bytes", [1000, 4096, 100_000, 200_000])
async def test_the_limit_itself_may_be_sent(piece_bytes: int) -> None:
    """A file of exactly so many bytes is taken, one byte more is not; however it comes."""
    receiving = Receiving(settings=AttachmentSettings(max_bytes=100_000), pictures=Pictures())
    largest = b"%PDF-".ljust(100_000, b"x")
    async with receiving.received(
        in_pieces(largest, size=piece_bytes), name="a.pdf", declared=None
    ) as received:
        assert received.size == 100_000
    with pytest.raises(TooLargeError):
        async with receiving.received(
            in_pieces(largest + b"x", size=piece_bytes), name="a.pdf", declared=None
        ):
            pass


async def test_a_virus_scanner_sees_everything_first() -> None:
    """Found: refused. Not there: refused."""
    async with FakeClamd() as clamd:
        receiving = Receiving(settings=AttachmentSettings(clamd=clamd.address), pictures=Pictures())
        async with receiving.received(in_pieces(PDF), name="a.pdf", declared=None) as received:
            assert received.size == clamd.seen[0] == len(PDF)
        with pytest.raises(InfectedError):
            async with receiving.received(in_pieces(PDF + EICAR), name="a.pdf", declared=None):
                pass
    with pytest.raises(ScannerUnavailableError):
        async with receiving.received(in_pieces(PDF), name="a.pdf", declared=None):
            pass
