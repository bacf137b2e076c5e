"""From an id to plain bytes: found, permitted, fetched as the reader, decrypted while it streams.

The last piece is held back until the hash was checked: a file that isn't whole never ends well,
nor does a part of it.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from appointments.sealing import Sealer
from bridge.attachments import store
from bridge.attachments.content import SharedFile, shared_file
from bridge.attachments.encrypted_file import Decryptor, EncryptedFile
from bridge.attachments.errors import AttachmentBrokenError, AttachmentNotFoundError
from bridge.attachments.ids import Shared, Uploaded, parse_id
from bridge.attachments.types import safe_type
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted
from bridge.errors import HomeserverUnavailableError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.media import MediaClient
from bridge.rooms.conversations import Conversations
from bridge.slots import Slots
from bridge.storage.database import Database
from bridge.timeline.history import ENCRYPTED, parse_event
from bridge.timeline.message_events import encrypted


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is being read, once; `size` in bytes, if it is known."""

    name: str
    mime_type: str
    size: int | None
    file: EncryptedFile
    ciphertext: AsyncIterator[bytes]

    async def pieces(self, part: range | None = None) -> AsyncGenerator[bytes]:
        """All of it, or these bytes of it. Raises AttachmentBrokenError in place of the last piece.

        Whether what came is what the sender encrypted is known at the file's end: it is read to there for any part.
        """
        start, stop = (0, None) if part is None else (part.start, part.stop)
        decryptor = Decryptor(self.file)
        held, place = b"", 0
        async for piece in self.ciphertext:
            plain = decryptor.update(piece)
            wanted = plain[max(0, start - place) : None if stop is None else max(0, stop - place)]
            place += len(plain)
            if wanted:
                if held:
                    yield held
                held = wanted
        if not decryptor.is_whole():
            raise AttachmentBrokenError
        if held:
            yield held


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    mime_type: str
    file: EncryptedFile


class Downloading:
    """Opens attachments for those who may read the conversation."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        media: MediaClient,
        encryption: Encryption,
        conversations: Conversations,
        slots: Slots,
        sealer: Sealer,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._media = media
        self._encryption = encryption
        self._conversations = conversations
        self._slots = slots
        self._sealer = sealer

    @asynccontextmanager
    async def opened(self, *, reader: str, attachment_id: str) -> AsyncGenerator[Download]:
        """The file, for the length of the block.

        Raises AttachmentNotFoundError, ConversationNotFoundError, HomeserverUnavailableError, TooManyAttemptsError.
        """
        place = parse_id(attachment_id)
        with self._slots.taken(reader):
            if isinstance(place, Uploaded):
                found = await self._of_upload(place, reader=reader)
            else:
                found = await self._of_message(place, reader=reader)
            async with self._fetched(found, reader=reader) as download:
                yield download

    @asynccontextmanager
    async def _fetched(self, found: _Found, *, reader: str) -> AsyncGenerator[Download]:
        try:
            async with self._media.download(user_id=reader, url=found.file.url) as media:
                mime_type = safe_type(found.mime_type)
                yield Download(found.name, mime_type, media.size, found.file, media.pieces)
        except HomeserverUnreachableError as error:
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            if error.is_temporary:
                raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error
            raise AttachmentNotFoundError from error

    async def _of_upload(self, place: Uploaded, *, reader: str) -> _Found:
        async with self._database.read() as connection:
            row = await store.find(connection, place.id)
        if row is None:
            raise AttachmentNotFoundError
        if row.event_id is not None:
            sent_in = row.upgraded_room_id or row.conversation_id
            return await self._of_message(Shared(sent_in, row.event_id), reader=reader)
        return await self._not_sent_yet(row, reader=reader)

    async def _not_sent_yet(self, row: Row[Any], *, reader: str) -> _Found:
        """Only for whoever uploaded it."""
        await self._conversations.of_room(room_id=row.conversation_id, member=reader)
        details = store.details_of(row, sealer=self._sealer)
        if row.owner != reader or details is None:
            raise AttachmentNotFoundError
        return _Found(details.name, details.mime_type, details.file)

    async def _of_message(self, place: Shared, *, reader: str) -> _Found:
        await self._conversations.of_room(room_id=place.room_id, member=reader)
        shared = await self._shared_file(place, reader=reader)
        if shared is None:
            raise AttachmentNotFoundError
        if place.kind == "file":
            return _Found(shared.name, shared.mime_type, shared.file)
        if shared.thumbnail is None:
            raise AttachmentNotFoundError
        return _Found(f"thumbnail {shared.name}", shared.thumbnail_type, shared.thumbnail)

    async def _shared_file(self, place: Shared, *, reader: str) -> SharedFile | None:
        try:
            raw = await self._matrix.event(user_id=reader, room_id=place.room_id, event_id=place.event_id)
        except HomeserverUnreachableError as error:
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            if error.is_temporary:
                raise HomeserverUnavailableError from error
            return None
        event = None if raw is None else parse_event(raw, place.room_id)
        if event is None or event.type != ENCRYPTED or "redacted_because" in event.unsigned:
            return None
        (plain,) = await self._encryption.decrypt(reader, [encrypted(event)], catch_up_missing=True)
        if not isinstance(plain, Decrypted) or plain.event_type != "m.room.message":
            return None
        return shared_file(plain.content)
