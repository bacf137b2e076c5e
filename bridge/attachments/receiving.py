"""A file on its way in: judged by its first bytes, hashed, scanned and encrypted while it streams.

Only ciphertext touches the disk, in a file without a name that is gone with the process: the homeserver wants to
know the length before the first byte, and what a request lets us expect may be wrong.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO

from bridge.attachments.ahead import Ahead
from bridge.attachments.clamd import Scan
from bridge.attachments.encrypted_file import Encryptor
from bridge.attachments.errors import EmptyFileError, TooLargeError
from bridge.attachments.names import clean_name
from bridge.attachments.pictures import LARGEST_PICTURE, PICTURE_TYPES, Picture, Pictures
from bridge.attachments.settings import AttachmentSettings
from bridge.attachments.types import HEAD_BYTES, type_of

PIECE_BYTES = 512 * 1024
_WORTH_A_THREAD_BYTES = PIECE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole file that may be kept; its ciphertext is in `spool`, of as many bytes as the plain file."""

    name: str
    mime_type: str
    size: int
    sha256: str
    spool: IO[bytes]
    encryptor: Encryptor
    picture: Picture | None
    ahead: Ahead | None


class Receiving:
    """Takes files in."""

    def __init__(self, *, settings: AttachmentSettings, pictures: Pictures) -> None:
        self._settings = settings
        self._pictures = pictures

    @asynccontextmanager
    async def received(
        self, pieces: AsyncIterable[bytes], *, name: str, declared: str | None, ahead: Ahead | None = None
    ) -> AsyncGenerator[Received]:
        """The file that these pieces are, for the length of the block; `ahead` is given its ciphertext as it comes.

        Raises EmptyFileError, TypeNotAllowedError, TypeMismatchError, TooLargeError as soon as they are known;
        TooLargeToScanError, InfectedError, ScannerUnavailableError.
        """
        name = clean_name(name, fallback="file")
        rest = aiter(pieces)
        head = await _head(rest)
        mime_type = type_of(head, name=name, declared=declared, allowed=self._settings.allowed_types)
        async with AsyncExitStack() as stack:
            spool = TemporaryFile()  # noqa: SIM115 the stack does
            # Giving back a large file's pages takes a while, for which nobody needs to wait.
            stack.callback(asyncio.get_running_loop().run_in_executor, None, spool.close)
            scan = None
            if self._settings.clamd is not None:
                scan = await stack.enter_async_context(Scan(self._settings.clamd))
            intake = _Intake(
                spool=spool, scan=scan, ahead=ahead, limit=self._settings.max_bytes, mime_type=mime_type
            )
            stack.push_async_callback(intake.settle)
            await intake.take(head)
            async for piece in rest:
                await intake.take(piece)
            await intake.finish()
            if scan is not None:
                await scan.verdict()
            picture = await self._pictures.look(intake.picture) if intake.picture else None
            intake.picture = None
            yield Received(
                name=name,
                mime_type=mime_type,
                size=intake.size,
                sha256=intake.hash.hexdigest(),
                spool=spool,
                encryptor=intake.encryptor,
                picture=picture,
                ahead=ahead,
            )


async def _head(pieces: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    if not head:
        raise EmptyFileError
    return head


class _Intake:
    """What is done with each piece, in a thread while the next one comes. `picture` holds a small enough one."""

    def __init__(
        self, *, spool: IO[bytes], scan: Scan | None, ahead: Ahead | None, limit: int, mime_type: str
    ) -> None:
        self.size = 0
        self.hash = sha256()
        self.encryptor = Encryptor()
        self.picture: bytearray | None = bytearray() if mime_type in PICTURE_TYPES else None
        self._spool = spool
        self._scan = scan
        self._ahead = ahead
        self._limit = limit
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._working: asyncio.Future[list[bytes]] | None = None

    async def take(self, piece: bytes) -> None:
        """Raises TooLargeError, TooLargeToScanError, InfectedError, ScannerUnavailableError."""
        self.size += len(piece)
        if self.size > self._limit:
            raise TooLargeError(self._limit)
        if self.picture is not None:
            self.picture += piece
            if len(self.picture) > LARGEST_PICTURE:
                self.picture = None
        if self._scan is not None:
            await self._scan.feed(piece)
        self._gathered.append(piece)
        self._gathered_bytes += len(piece)
        if self._gathered_bytes >= _WORTH_A_THREAD_BYTES:
            await self._hand_over()

    async def finish(self) -> None:
        """There are no more pieces."""
        await self._hand_over()
        await self._pass_on(await self._encrypted())

    async def settle(self) -> None:
        """Wait until nothing uses the spool."""
        if self._working is not None:
            await asyncio.wait([self._working])

    async def _hand_over(self) -> None:
        encrypted = await self._encrypted()
        pieces, self._gathered, self._gathered_bytes = self._gathered, [], 0
        self._working = asyncio.get_running_loop().run_in_executor(None, self._work, pieces)
        await self._pass_on(encrypted)

    def _work(self, pieces: Sequence[bytes]) -> list[bytes]:
        encrypted = []
        for piece in pieces:
            self.hash.update(piece)
            encrypted.append(self.encryptor.update(piece))
            self._spool.write(encrypted[-1])
        return encrypted

    async def _encrypted(self) -> Sequence[bytes]:
        if self._working is None:
            return ()
        encrypted = await asyncio.shield(
            self._working
        )  # it goes on when we are cancelled: `settle` waits for it
        self._working = None
        return encrypted

    async def _pass_on(self, encrypted: Sequence[bytes]) -> None:
        if self._ahead is not None and encrypted:
            await self._ahead.feed(encrypted)
