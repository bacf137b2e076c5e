"""Forms with a file, uploaded over HTTP."""

from typing import Any

from aiohttp import FormData

from tests.bridge.http.api import GARCIA, LUCIA

PATH = "/api/messages/upload-attachment"
PDF = b"%PDF-1.7\n" + b"informe " * 60_000


def form(room: str | None, file: bytes | None = PDF, *, name: str = "informe.pdf", **more: str) -> FormData:
    """The two fields, in the documented order."""
    made = FormData(default_to_multipart=True)
    if room is not None:
        made.add_field("conversation_id", room)
    if file is not None:
        made.add_field("file", file, filename=name, content_type="application/octet-stream")
    for field, value in more.items():
        made.add_field(field, value)
    return made


def room_of(api: Any) -> str:
    """Lucía's conversation."""
    return str(api.clinic.open(patient=LUCIA, professional=GARCIA).conversation_id)


async def upload(api: Any, data: FormData, **headers: str) -> tuple[int, dict[str, Any], Any]:
    """Status, body, headers of the answer."""
    response = await api.call("POST", PATH, data=data, headers=api.headers(**headers))
    return response.status, await response.json(content_type=None), response.headers
