"""bridge.http.ports.Uploads and Downloads over a FakeClinic: files in memory."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager

from appointments.errors import NotInCareTeamError
from bridge.attachments.downloading import Download
from bridge.attachments.encrypted_file import EncryptedFile
from bridge.attachments.errors import AttachmentNotFoundError
from bridge.attachments.ids import id_of_upload
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Received, Receiving
from bridge.attachments.settings import AttachmentSettings
from bridge.http.fakes import FakeClinic
from bridge.messages_model import UploadedAttachment
from bridge.slots import Slots


class FakeAttachments:
    """Both ports. Files are judged as ever; `files` holds what was kept, `broken` the ids of what is damaged."""

    def __init__(self, clinic: FakeClinic, settings: AttachmentSettings) -> None:
        self._clinic = clinic
        self._receiving = Receiving(settings=settings, pictures=Pictures())
        self._slots = Slots(per_person=settings.uploads_at_once, in_all=settings.uploads_at_once_in_all)
        self.files: dict[str, tuple[str, UploadedAttachment, EncryptedFile, bytes]] = {}
        self.broken: set[str] = set()
        self.admitted: list[str] = []
        self.expected: list[int | None] = []

    async def admit(self, *, owner: str, conversation_id: str) -> None:
        """As the clinic says."""
        if self._clinic.member_of(conversation_id, owner).state == "ended":
            raise NotInCareTeamError(conversation_id)

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
        """The file that these pieces are."""
        self.expected.append(expected_bytes)
        with self._slots.taken(owner):
            async with self._receiving.received(pieces, name=name, declared=declared) as received:
                yield received

    async def keep(
        self, received: Received, *, owner: str, conversation_id: str, operation_id: str
    ) -> UploadedAttachment:
        """Keep its ciphertext, which is all there is."""
        self.admitted.append(conversation_id)
        if self._clinic.failure is not None:
            raise self._clinic.failure
        attachment_id = id_of_upload(operation_id)
        kept = UploadedAttachment(
            attachment_id=attachment_id,
            name=received.name,
            mime_type=received.mime_type,
            size=received.size,
            sha256=received.sha256,
        )
        received.spool.seek(0)
        file = received.encryptor.described("mxc://p/file")
        self.files.setdefault(attachment_id, (owner, kept, file, received.spool.read()))
        return kept

    @asynccontextmanager
    async def opened(self, *, reader: str, attachment_id: str) -> AsyncGenerator[Download]:
        """What was kept, in two pieces."""
        if attachment_id not in self.files or self.files[attachment_id][0] != reader:
            raise AttachmentNotFoundError
        _, kept, file, ciphertext = self.files[attachment_id]
        half = len(ciphertext) // 2

        async def pieces() -> AsyncGenerator[bytes]:
            yield ciphertext[:half]
            yield bytes(len(ciphertext) - half) if attachment_id in self.broken else ciphertext[half:]

        yield Download(kept.name, kept.mime_type, kept.size, file, pieces())
