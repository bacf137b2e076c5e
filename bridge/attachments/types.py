"""What a file is, by its first bytes: a short list of kinds that we know, and nothing that we don't.

A name's extension and the type that a client declares may choose among what the bytes can be (a QuickTime film or
an MP4 one, a letter or a table in a zip); they can't make a file something else.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bridge.attachments.errors import TypeMismatchError, TypeNotAllowedError
from bridge.attachments.names import extension_of

HEAD_BYTES = 4096
"""How much of a file's beginning decides."""

OCTETS = "application/octet-stream"
_DICOM_AT = 128
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"#!")
_ACTIVE = re.compile(rb"<\s*(?:[\w.-]+:)?(!doctype\s+html|html|script|svg|iframe|\?php)", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")
_PROLOGUE = re.compile(rb"<\?.*?\?>|<!--.*?-->|<![^>\[]*>", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_FIRST_IN_OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"word/", b"xl/", b"ppt/")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type with the extensions that its files have, and what else clients call it."""

    mime_type: str
    extensions: tuple[str, ...]
    looks_so: Callable[[bytes], bool]
    aliases: tuple[str, ...] = ()


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(b"RIFF") and head[8:12] == form


def _film(*brands: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[4:8] == b"ftyp" and head[8:12].startswith(brands)


def _is_other_film(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and not head[8:12].startswith(
        (b"qt", b"hei", b"hev", b"mif1", b"msf1", b"avif")
    )


def _is_dicom(head: bytes) -> bool:
    # The preamble is free, and has been used to hide a program that is a picture as well.
    return head[_DICOM_AT : _DICOM_AT + 4] == b"DICM" and not head.startswith(_PROGRAMS)


def _is_bitmap(head: bytes) -> bool:
    return head.startswith(b"BM") and head[6:10] == bytes(4)


def _is_mpeg_audio(head: bytes) -> bool:
    return head.startswith(b"ID3") or (
        head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 in (0xE2, 0xE0)
    )


def _is_office(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04") and head[30:].startswith(_FIRST_IN_OFFICE)


def _open_document(kind: bytes) -> Callable[[bytes], bool]:
    start = b"mimetypeapplication/vnd.oasis.opendocument." + kind
    return lambda head: head.startswith(b"PK\x03\x04") and head[30:].startswith(start)


def _is_text(head: bytes) -> bool:
    return (
        bool(head)
        and not _CONTROL.search(head)
        and not head.startswith(_PROGRAMS)
        and not _ACTIVE.search(head)
    )


def _is_json(head: bytes) -> bool:
    return _is_text(head) and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _is_xml(head: bytes) -> bool:
    if not _is_text(head) or not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return False
    root = _ROOT.search(_PROLOGUE.sub(b"", head))
    return root is not None and root[1].lower() not in (
        b"svg",
        b"html",
        b"script",
        b"stylesheet",
        b"transform",
    )


_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

KINDS: tuple[Kind, ...] = (
    Kind("application/pdf", ("pdf",), _starts(b"%PDF-"), ("application/x-pdf",)),
    Kind("application/dicom", ("dcm", "dicom", "ima", "img"), _is_dicom, ("image/dicom", "image/x-dicom")),
    Kind(
        "image/jpeg", ("jpg", "jpeg", "jpe", "jfif"), _starts(b"\xff\xd8\xff"), ("image/jpg", "image/pjpeg")
    ),
    Kind("image/png", ("png",), _starts(b"\x89PNG\r\n\x1a\n")),
    Kind("image/gif", ("gif",), _starts(b"GIF87a", b"GIF89a")),
    Kind("image/webp", ("webp",), _riff(b"WEBP")),
    Kind("image/tiff", ("tif", "tiff"), _starts(b"II*\0", b"MM\0*")),
    Kind("image/bmp", ("bmp",), _is_bitmap, ("image/x-ms-bmp",)),
    Kind("image/heic", ("heic", "heif"), _film(b"hei", b"hev", b"mif1", b"msf1"), ("image/heif",)),
    Kind("audio/mpeg", ("mp3",), _is_mpeg_audio, ("audio/mp3",)),
    Kind("audio/wav", ("wav",), _riff(b"WAVE"), ("audio/x-wav", "audio/wave", "audio/vnd.wave")),
    Kind("audio/flac", ("flac",), _starts(b"fLaC"), ("audio/x-flac",)),
    Kind("audio/ogg", ("ogg", "oga", "opus"), _starts(b"OggS"), ("audio/opus",)),
    Kind("audio/mp4", ("m4a",), _is_other_film, ("audio/x-m4a", "audio/m4a")),
    Kind("video/mp4", ("mp4", "m4v"), _is_other_film, ("video/x-m4v",)),
    Kind("video/quicktime", ("mov", "qt"), _film(b"qt")),
    Kind("video/webm", ("webm",), _starts(b"\x1aE\xdf\xa3")),
    Kind("audio/webm", ("weba", "webm"), _starts(b"\x1aE\xdf\xa3")),
    Kind("video/ogg", ("ogv",), _starts(b"OggS")),
    Kind(_OOXML + "wordprocessingml.document", ("docx",), _is_office),
    Kind(_OOXML + "spreadsheetml.sheet", ("xlsx",), _is_office),
    Kind(_OOXML + "presentationml.presentation", ("pptx",), _is_office),
    Kind(_ODF + "text", ("odt",), _open_document(b"text")),
    Kind(_ODF + "spreadsheet", ("ods",), _open_document(b"spreadsheet")),
    Kind(_ODF + "presentation", ("odp",), _open_document(b"presentation")),
    Kind("application/msword", ("doc",), _starts(_OLE)),
    Kind("application/vnd.ms-excel", ("xls",), _starts(_OLE)),
    Kind("application/vnd.ms-powerpoint", ("ppt",), _starts(_OLE)),
    Kind("application/rtf", ("rtf",), _starts(b"{\\rtf"), ("text/rtf",)),
    Kind("application/json", ("json",), _is_json, ("text/json", "text/plain")),
    Kind("application/xml", ("xml",), _is_xml, ("text/xml", "text/plain")),
    Kind("text/plain", ("txt", "text", "log", "md", "hl7"), _is_text, ("text/markdown",)),
    Kind("text/csv", ("csv",), _is_text, ("text/plain", "application/csv", "application/vnd.ms-excel")),
)
KNOWN_TYPES = tuple(kind.mime_type for kind in KINDS)
_BY_ALIAS = {alias: kind.mime_type for kind in reversed(KINDS) for alias in kind.aliases}


def type_of(head: bytes, *, name: str, declared: str | None, allowed: Iterable[str]) -> str:
    """The MIME type of a file that begins with `head`. Raises TypeNotAllowedError, TypeMismatchError."""
    possible = [kind for kind in KINDS if kind.looks_so(head)]
    if not possible:
        raise TypeNotAllowedError
    extension = extension_of(name)
    if extension:
        possible = [kind for kind in possible if extension in kind.extensions]
    if declared not in (None, "", OCTETS):
        possible = [kind for kind in possible if declared == kind.mime_type or declared in kind.aliases]
    if not possible:
        raise TypeMismatchError
    chosen = possible[0].mime_type
    if chosen not in set(allowed):
        raise TypeNotAllowedError
    return chosen


def safe_type(claimed: str) -> str:
    """What a file of other people may be called in an answer: a type that we know, or just bytes."""
    plain = claimed.partition(";")[0].strip().lower()
    return plain if plain in KNOWN_TYPES else _BY_ALIAS.get(plain, OCTETS)
