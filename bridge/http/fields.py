"""The kinds of values in requests and answers, each with its exact JSON schema.

A validator's error type is the key of its text: `field.{type}` in bots/locales.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from bridge.matrix.identifiers import EVENT_ID, MAX_ID, ROOM_ID, USER_ID, is_well_formed

MAX_MESSAGE_BYTES = 32 * 1024
MAX_ROLE = 64
MAX_REASON = 2000
# An event has 65,536 bytes at most. Encryption makes 4 out of 3, and what stands around the text needs some.
_MAX_ESCAPED_BYTES = 46_000

_CONTROL = "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f"
_HAS_CONTROL = re.compile(f"[{_CONTROL}]")
# Half a character of UTF-16, as JSON can spell it; Python reads so a command line's bytes that are no UTF-8.
_HAS_SURROGATE = re.compile(r"[\ud800-\udfff]")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _matching(pattern: str, kind: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_well_formed(value, pattern):
            raise PydanticCustomError(kind, "not this kind of identifier")
        return value

    return AfterValidator(check)


def check_words(value: str) -> str:
    """The text as it came. Control characters other than line feed and tab, halves and blanks are refused."""
    if _HAS_CONTROL.search(value):
        raise PydanticCustomError("control-characters", "contains control characters")
    if _HAS_SURROGATE.search(value):
        raise PydanticCustomError("surrogate", "contains half a character, or bytes that are no UTF-8")
    if not value or value.isspace():
        raise PydanticCustomError("blank", "is blank")
    return value


def _check_message(value: str) -> str:
    check_words(value)
    escaped = json.dumps(value, ensure_ascii=False).encode()
    if len(value.encode()) > MAX_MESSAGE_BYTES or len(escaped) > _MAX_ESCAPED_BYTES:
        raise PydanticCustomError("message-too-large", "is too large")
    return value


def _check_caption(value: str) -> str:
    return value and _check_message(value)


def parse_instant(value: Any) -> datetime:
    """The instant in this RFC 3339 text, in UTC. A time without an offset is refused."""
    if not isinstance(value, str) or _RFC3339.fullmatch(value.upper()) is None:
        raise PydanticCustomError("instant", "is no RFC 3339 date and time with an offset")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("instant", "is no such date and time") from error


def _parse_count(value: Any) -> Any:
    # A query parameter is text; only digits count as a number (int() would take " 1_0 " as well).
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else value


def format_instant(value: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    # Not strftime: it writes the year 158 with three digits.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _words_schema(limit: int, description: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": limit,
            "pattern": f"^[^{_CONTROL}]*[^\\s{_CONTROL}][^{_CONTROL}]*$",
            "description": description,
        }
    )


def _id_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "maxLength": MAX_ID, "examples": [example]})


UserId = Annotated[str, _matching(USER_ID, "user-id"), _id_schema(USER_ID, "@garcia:hospital.example")]
RoomId = Annotated[str, _matching(ROOM_ID, "room-id"), _id_schema(ROOM_ID, "!abc:portal.example")]
EventId = Annotated[str, _matching(EVENT_ID, "event-id"), _id_schema(EVENT_ID, "$abc")]
Caption = Annotated[
    str,
    AfterValidator(_check_caption),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": MAX_MESSAGE_BYTES,
            "pattern": f"^$|^[^{_CONTROL}]*[^\\s{_CONTROL}][^{_CONTROL}]*$",
            "description": "At most 32 KiB of UTF-8; no control characters but \\n and \\t. "
            "Empty only with attachments.",
        }
    ),
]
AttachmentId = Annotated[
    str,
    Field(min_length=1, max_length=800, examples=["a0c5f3d2b1e94c6f8a7b6c5d4e3f2a1b"]),
    StringConstraints(pattern="^[A-Za-z0-9_-]+$"),
]
Role = Annotated[
    str,
    Field(max_length=MAX_ROLE),
    AfterValidator(check_words),
    _words_schema(MAX_ROLE, "What the professional is to the patient, such as `gp`."),
]
Reason = Annotated[
    str,
    Field(max_length=MAX_REASON),
    AfterValidator(check_words),
    _words_schema(MAX_REASON, "Why; sealed at rest, never shown to others."),
]
InstantIn = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
InstantOut = Annotated[
    datetime,
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        }
    ),
]
Count = Annotated[int, BeforeValidator(_parse_count)]
