"""What requests and answers about attachments look like."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bridge.attachments.receiving import Received
from bridge.http.fields import AttachmentId
from bridge.http.models import AnswerModel, RequestModel
from bridge.matrix.identifiers import MAX_ID, ROOM_ID

UPLOAD_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["conversation_id", "file"],
    "properties": {
        "conversation_id": {"type": "string", "pattern": ROOM_ID, "maxLength": MAX_ID},
        "file": {"type": "string", "format": "binary"},
    },
    "additionalProperties": False,
}
"""The fields in this order: then permission is checked before the file is read."""


class Upload(BaseModel):
    """A form that was read. The file itself is no part of its JSON: two with this JSON are the same request."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    conversation_id: str
    name: str
    sha256: str
    file: Received = Field(exclude=True)


class AttachmentPath(RequestModel):
    """Which attachment."""

    attachment_id: AttachmentId


class UploadedAnswer(AnswerModel):
    """A file that was taken in; `size` in bytes and `sha256` are the plain file's."""

    attachment_id: str
    name: str
    mime_type: str
    size: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
