"""Files that Lucía uploads, sends and downloads."""

import io
from collections.abc import AsyncIterator
from typing import Any

from PIL import Image

from bridge.messages_model import SentMessage, UploadedAttachment
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.process import Process

PDF = b"%PDF-1.7\n" + b"informe " * 30_000


def picture() -> bytes:
    """A large one."""
    made = io.BytesIO()
    Image.new("RGB", (1600, 900), "teal").save(made, "PNG")
    return made.getvalue()


async def in_pieces(file: bytes, *, size: int = 70_000) -> AsyncIterator[bytes]:
    """A file as it comes from a network."""
    for start in range(0, len(file), size):
        yield file[start : start + size]


async def upload(clinic: Clinic, room: str, file: bytes = PDF, **changes: Any) -> UploadedAttachment:
    """Lucía uploads a file, unless something else is said."""
    given = {
        "process": clinic.main,
        "owner": LUCIA,
        "name": "informe.pdf",
        "operation_id": "up",
        "expected_bytes": None,
    } | changes
    uploading = given["process"].uploading
    await uploading.admit(owner=given["owner"], conversation_id=room)
    async with uploading.received(
        in_pieces(file),
        owner=given["owner"],
        name=given["name"],
        declared=None,
        expected_bytes=given["expected_bytes"],
    ) as received:
        kept: UploadedAttachment = await uploading.keep(
            received, owner=given["owner"], conversation_id=room, operation_id=given["operation_id"]
        )
        return kept


async def download(
    clinic: Clinic, attachment_id: str, *, reader: str = LUCIA, part: range | None = None
) -> bytes:
    """The whole file, or these bytes."""
    async with clinic.main.downloading.opened(reader=reader, attachment_id=attachment_id) as file:
        return b"".join([piece async for piece in file.pieces(part)])


async def send(clinic: Clinic, room: str, files: list[str], **changes: Any) -> SentMessage:
    """Lucía sends files."""
    process: Process = changes.pop("process", clinic.main)
    message = {"sender": LUCIA, "body": "", "reply_to": None, "operation_id": "message"} | changes
    return await process.messages.send(conversation_id=room, recipient=None, attachments=files, **message)


async def room_of(clinic: Clinic, patient: str = LUCIA) -> str:
    """Her conversation with Garcia."""
    sent = await clinic.main.messages.send(
        sender=patient,
        conversation_id=None,
        recipient=GARCIA,
        body="hola",
        reply_to=None,
        operation_id=f"first of {patient}",
    )
    return sent.conversation_id


async def history(clinic: Clinic, room: str, *, reader: str = LUCIA) -> Any:
    """Its newest messages."""
    page = await clinic.main.messages.history(reader=reader, conversation_id=room, limit=50, before=None)
    return page.messages
