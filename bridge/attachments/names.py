"""Names of files: whatever somebody calls a file, it names no folder, hides nothing and fits into a header."""

import re
import unicodedata
from urllib.parse import quote

_LONGEST_BYTES = 150
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')
# Control, format (bidi overrides among them), surrogate, private and unassigned code points; line separators.
_HIDDEN = ("C", "Zl", "Zp")


def clean_name(raw: str, *, fallback: str) -> str:
    """The last part of a path, of visible characters only, at most 150 bytes of UTF-8; else the fallback."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", raw))[-1]
    visible = "".join(
        " " if one.isspace() else one for one in last if not unicodedata.category(one).startswith(_HIDDEN)
    )
    name = _NOT_IN_NAMES.sub("_", visible).strip(" .")
    return _shortened(name) if name else fallback


def extension_of(name: str) -> str:
    """What follows the last dot, in lower case; empty when there is none, or only a number as in DICOM's names."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and not extension.isdecimal() else ""


def content_disposition(name: str) -> str:
    """The header that makes a browser save the file under this name (RFC 6266, RFC 8187)."""
    plain = "".join(one if one.isascii() and one not in '%\\"' else "_" for one in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    tail = f"{dot}{extension}" if dot and len(extension.encode()) < _LONGEST_BYTES // 2 else ""
    kept = name if not tail else stem
    room = _LONGEST_BYTES - len(tail.encode())
    return kept.encode()[:room].decode(errors="ignore").rstrip() + tail
