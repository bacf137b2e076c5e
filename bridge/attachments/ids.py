"""Ids of attachments: of an upload, which is in our table, or of a file of a message, which needs no table.

The latter holds the message's place, so whoever may read the message finds the file, with its key, by decrypting it.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from bridge.attachments.errors import AttachmentNotFoundError

_MARKS = {"file": "m", "thumbnail": "t"}
_KINDS: dict[str, Literal["file", "thumbnail"]] = {"m": "file", "t": "thumbnail"}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A row of our table."""

    id: str


@dataclass(frozen=True, slots=True)
class Shared:
    """The file of a message, or its small version."""

    room_id: str
    event_id: str
    kind: Literal["file", "thumbnail"] = "file"

    @property
    def id(self) -> str:
        """As callers get it."""
        place = f"{self.room_id}\n{self.event_id}".encode()
        return _MARKS[self.kind] + base64.urlsafe_b64encode(place).decode().rstrip("=")


def id_of_upload(operation_id: str) -> str:
    """The id of what this operation uploads: the same however often it is tried."""
    return f"a{operation_id}"


def parse_id(attachment_id: str) -> Uploaded | Shared:
    """What the id stands for, whether there is such a thing or not. Raises AttachmentNotFoundError."""
    mark, rest = attachment_id[:1], attachment_id[1:]
    if mark == "a":
        return Uploaded(attachment_id)
    if mark not in _KINDS:
        raise AttachmentNotFoundError
    try:
        place = base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise AttachmentNotFoundError from error
    room_id, separator, event_id = place.partition("\n")
    if not separator or not all("!" <= sign <= "~" for sign in room_id + event_id):
        raise AttachmentNotFoundError
    return Shared(room_id, event_id, _KINDS[mark])
