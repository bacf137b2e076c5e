"""Files as message contents: `m.file`, `m.image`, `m.audio` and `m.video` of the client-server API."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bridge.attachments.encrypted_file import EncryptedFile
from bridge.attachments.names import clean_name
from bridge.matrix.json import JsonObject

MESSAGE_TYPES = ("m.file", "m.image", "m.audio", "m.video")
_OF_FAMILY = {"image": "m.image", "audio": "m.audio", "video": "m.video"}
_LONGEST_TYPE = 127


class Thumbnail(BaseModel):
    """The small version of a picture; `size` in bytes."""

    model_config = ConfigDict(frozen=True)

    file: EncryptedFile
    mime_type: str
    size: int
    width: int
    height: int


class Details(BaseModel):
    """Everything about a file that was uploaded; `size` in bytes and `sha256` in hexadecimal are the plain file's."""

    model_config = ConfigDict(frozen=True)

    name: str
    mime_type: str
    size: int
    sha256: str
    file: EncryptedFile
    width: int | None = None
    height: int | None = None
    thumbnail: Thumbnail | None = None


def message_content(details: Details, *, caption: str) -> JsonObject:
    """The content of the message that carries this file."""
    info: JsonObject = {"mimetype": details.mime_type, "size": details.size}
    if details.width is not None and details.height is not None:
        info |= {"w": details.width, "h": details.height}
    if details.thumbnail is not None:
        small = details.thumbnail
        info["thumbnail_file"] = small.file.model_dump()
        info["thumbnail_info"] = {
            "mimetype": small.mime_type,
            "size": small.size,
            "w": small.width,
            "h": small.height,
        }
    return {
        "msgtype": _OF_FAMILY.get(details.mime_type.partition("/")[0], "m.file"),
        "body": caption or details.name,
        "filename": details.name,
        "file": details.file.model_dump(),
        "info": info,
    }


def _count_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _file_or_none(value: Any) -> EncryptedFile | None:
    try:
        return EncryptedFile.model_validate(value)
    except ValidationError:
        return None


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _type(value: Any) -> str:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_TYPE else "application/octet-stream"


_Count = Annotated[int | None, BeforeValidator(_count_or_none)]
_File = Annotated[EncryptedFile | None, BeforeValidator(_file_or_none)]
_Type = Annotated[str, BeforeValidator(_type)]


class _ThumbnailInfo(BaseModel):
    mimetype: _Type = "application/octet-stream"


class _Info(BaseModel):
    mimetype: _Type = "application/octet-stream"
    size: _Count = None
    w: _Count = None
    h: _Count = None
    thumbnail_file: _File = None
    thumbnail_info: Annotated[_ThumbnailInfo, BeforeValidator(_object)] = _ThumbnailInfo()


class _MediaContent(BaseModel):
    body: str
    filename: Annotated[str | None, BeforeValidator(_text_or_none)] = None
    file: EncryptedFile
    info: Annotated[_Info, BeforeValidator(_object)] = Field(default_factory=_Info)


class SharedFile(BaseModel):
    """A file as a message describes it: its sender's claims, in bounds. `caption` is empty when there is none."""

    model_config = ConfigDict(frozen=True)

    name: str
    caption: str
    mime_type: str
    size: int | None
    width: int | None
    height: int | None
    file: EncryptedFile
    thumbnail: EncryptedFile | None
    thumbnail_type: str


def shared_file(content: JsonObject) -> SharedFile | None:
    """What the content of a decrypted message says of its file; None for a text, or what no client could open."""
    if content.get("msgtype") not in MESSAGE_TYPES:
        return None
    try:
        said = _MediaContent.model_validate(content)
    except ValidationError:
        return None
    named = said.filename or said.body
    return SharedFile(
        name=clean_name(named, fallback="file"),
        caption=said.body if said.filename not in (None, said.body) else "",
        mime_type=said.info.mimetype,
        size=said.info.size,
        width=said.info.w,
        height=said.info.h,
        file=said.file,
        thumbnail=said.info.thumbnail_file,
        thumbnail_type=said.info.thumbnail_info.mimetype,
    )
