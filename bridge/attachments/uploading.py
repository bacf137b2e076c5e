"""From a received file to a row: ciphertext into the media repository, key and name sealed into our table.

A crash before the row is committed leaves ciphertext whose key was never stored anywhere; the same operation, tried
again, uploads anew under another key.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import IO

from appointments.sealing import Sealer
from bridge.attachments import store
from bridge.attachments.ahead import Ahead
from bridge.attachments.content import Details, Thumbnail
from bridge.attachments.encrypted_file import Encryptor
from bridge.attachments.errors import TooLargeError
from bridge.attachments.ids import id_of_upload
from bridge.attachments.pictures import THUMBNAIL_TYPE, Picture
from bridge.attachments.receiving import PIECE_BYTES, Received, Receiving
from bridge.clock import Now
from bridge.errors import HomeserverUnavailableError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.media import MediaClient
from bridge.messages_model import UploadedAttachment
from bridge.rooms.conversations import Conversations
from bridge.rooms.former_rooms import place_of
from bridge.rooms.speaking import require_speaking
from bridge.slots import Slots
from bridge.storage.database import Database


class Uploading:
    """Keeps files that people are about to send."""

    def __init__(
        self,
        *,
        database: Database,
        media: MediaClient,
        conversations: Conversations,
        receiving: Receiving,
        slots: Slots,
        sealer: Sealer,
        now: Now,
    ) -> None:
        self._database = database
        self._receiving = receiving
        self._slots = slots
        self._media = media
        self._conversations = conversations
        self._sealer = sealer
        self._now = now

    async def admit(self, *, owner: str, conversation_id: str) -> None:
        """Raises ConversationNotFoundError, NotInCareTeamError, IdentityChangedError unless they may send there."""
        row = await self._conversations.of_room(room_id=conversation_id, member=owner, action="send")
        async with self._database.read() as connection:
            await require_speaking(connection, room_id=row.room_id, sender=owner, now=self._now())

    @asynccontextmanager
    async def received(
        self,
        pieces: AsyncIterable[bytes],
        *,
        owner: str,
        name: str,
        declared: str | None,
        expected_bytes: int | None,
    ) -> AsyncGenerator[Received]:
        """The file that these pieces are, for the length of the block.

        `expected_bytes` is for an owner who was admitted: as many as the file has if nothing speaks against it.
        Raises what Receiving.received raises, and TooManyAttemptsError.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(self._slots.taken(owner))
            ahead = None
            if expected_bytes is not None and expected_bytes > 0:
                ahead = await stack.enter_async_context(
                    Ahead(self._media, owner=owner, size=expected_bytes).opened()
                )
            yield await stack.enter_async_context(
                self._receiving.received(pieces, name=name, declared=declared, ahead=ahead)
            )

    async def keep(
        self, received: Received, *, owner: str, conversation_id: str, operation_id: str
    ) -> UploadedAttachment:
        """Keep a file that was admitted. Idempotent by `operation_id`. Raises HomeserverUnavailableError."""
        attachment_id = id_of_upload(operation_id)
        known = await self._known(attachment_id)
        if known is None:
            details = await self._upload(received, owner=owner)
            async with self._database.write() as connection:
                place = await place_of(connection, conversation_id)
                await store.keep(
                    connection,
                    sealer=self._sealer,
                    attachment_id=attachment_id,
                    conversation_id=conversation_id if place is None else place.conversation_id,
                    owner=owner,
                    details=details,
                    now=self._now(),
                )
        return UploadedAttachment(
            attachment_id=attachment_id,
            name=received.name,
            mime_type=received.mime_type,
            size=received.size,
            sha256=received.sha256,
        )

    async def _known(self, attachment_id: str) -> object | None:
        async with self._database.read() as connection:
            return await store.find(connection, attachment_id)

    async def _upload(self, received: Received, *, owner: str) -> Details:
        picture = received.picture
        thumbnail = None if picture is None else await self._upload_thumbnail(picture, owner=owner)
        with _told():
            url = await self._sent(received, owner=owner)
        return Details(
            name=received.name,
            mime_type=received.mime_type,
            size=received.size,
            sha256=received.sha256,
            file=received.encryptor.described(url),
            width=None if picture is None else picture.width,
            height=None if picture is None else picture.height,
            thumbnail=thumbnail,
        )

    async def _upload_thumbnail(self, picture: Picture, *, owner: str) -> Thumbnail:
        encryptor = Encryptor()
        encrypted = encryptor.update(picture.thumbnail_bytes)
        with _told():
            url = await self._media.upload(user_id=owner, size=len(encrypted), pieces=_once(encrypted))
        return Thumbnail(
            file=encryptor.described(url),
            mime_type=THUMBNAIL_TYPE,
            size=len(encrypted),
            width=picture.thumbnail_width,
            height=picture.thumbnail_height,
        )

    async def _sent(self, received: Received, *, owner: str) -> str:
        ahead = None if received.ahead is None else await received.ahead.complete()
        if ahead is not None:
            return ahead
        return await self._media.upload(user_id=owner, size=received.size, pieces=_spooled(received.spool))


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except HomeserverUnreachableError as error:
        raise HomeserverUnavailableError from error
    except MatrixError as error:
        if error.errcode == "M_TOO_LARGE":  # the homeserver's limit is below ours
            raise TooLargeError from error
        raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error


async def _spooled(spool: IO[bytes]) -> AsyncIterator[bytes]:
    spool.seek(0)
    while piece := spool.read(PIECE_BYTES):
        yield piece


async def _once(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
