"""Two people who send each other files, and what those files are."""

import io
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp
from PIL import Image

from tests.e2e.element import ElementClient
from tests.e2e.world import Pair

MARK = b"paciente: MARIA PEREZ "


@dataclass(frozen=True)
class Meeting:
    """A conversation that both are in."""

    people: Pair
    element: ElementClient
    room: str


def dicom(size: int) -> bytes:
    """Like a DICOM file: what can't be compressed, with a text to look for every mebibyte."""
    block = MARK + os.urandom((1 << 20) - len(MARK))
    return (bytes(128) + b"DICM" + block * (size // len(block) + 1))[:size]


def picture() -> bytes:
    """A photograph with a text in it to look for."""
    made = io.BytesIO()
    noise = Image.frombytes("RGB", (1200, 900), os.urandom(1200 * 900 * 3))
    noise.save(made, "JPEG", quality=90, comment=MARK)
    return made.getvalue()


FILES = {
    "resonancia.dcm": ("application/dicom", lambda: dicom(40 * 1024 * 1024)),
    "herida.jpg": ("image/jpeg", picture),
    "informe señal.pdf": ("application/pdf", lambda: b"%PDF-1.7\n" + MARK * 50_000),
}


async def upload(meeting: Meeting, name: str, file: bytes, **headers: str) -> dict[str, Any]:
    """As the documentation has it."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("conversation_id", meeting.room)
    form.add_field("file", io.BytesIO(file), filename=name, content_type="application/octet-stream")
    answer = await meeting.people.api.request(
        "POST", "/api/messages/upload-attachment", data=form, headers=headers
    )
    assert answer.status == 201, answer
    uploaded: dict[str, Any] = answer.body
    return uploaded


async def send(meeting: Meeting, *files: str, body: str = "") -> dict[str, Any]:
    """Files as messages."""
    json = {"conversation_id": meeting.room, "attachments": files, "body": body}
    answer = await meeting.people.api.request("POST", "/api/messages/send", json=json)
    assert answer.status == 201, answer
    sent: dict[str, Any] = answer.body
    return sent


async def digest(meeting: Meeting, attachment_id: str, **headers: str) -> str:
    """The SHA-256 of what is downloaded."""
    made = sha256()
    async for piece in meeting.people.api.download(f"/api/messages/attachment/{attachment_id}", **headers):
        made.update(piece)
    return made.hexdigest()
