"""What a decrypted event says to people: the same in the history and in live events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bots.quotations import without_quotation
from bridge.attachments.content import SharedFile, shared_file
from bridge.attachments.names import clean_name
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.messages_model import MessageType

_MESSAGE = "m.room.message"
_TYPES: Mapping[str, MessageType] = {
    "m.file": "file",
    "m.image": "image",
    "m.audio": "audio",
    "m.video": "video",
}
_FOR_CLIENTS = "m.key.verification.request"
_WITH_A_TEXT = ("m.poll.start", "org.matrix.msc3381.poll.start", "m.sticker")
_UNSTABLE_TEXT = "org.matrix.msc1767.text"


@dataclass(frozen=True, slots=True)
class Said:
    """A message; `words` of one with a file are its caption, empty when it has none."""

    type: MessageType
    words: str
    file: SharedFile | None


def said(plain: Decrypted) -> Said | None:
    """What this event says; None for what is no message (a call's signalling, a verification).

    A kind of message that we don't know, a location say, is the text that every message has (client-server API,
    "m.room.message": `body` is the fallback); so is a poll.
    """
    content = plain.content
    if plain.event_type in _WITH_A_TEXT:
        text = _text(content)
        return None if text is None else Said("text", text, None)
    kind, body = content.get("msgtype"), content.get("body")
    if plain.event_type != _MESSAGE or not isinstance(kind, str) or not isinstance(body, str):
        return None
    if kind == _FOR_CLIENTS:
        return None
    file = shared_file(content)
    if file is not None:
        return Said(_TYPES.get(kind, "text"), file.caption, file)
    return Said(_TYPES.get(kind, "text"), without_quotation(content, body), None)


def is_silent(read: Iterable[Decrypted | Undecryptable]) -> bool:
    """Whether somebody who could read this event found that it is no message; what nobody could read may be one."""
    return any(isinstance(one, Decrypted) and said(one) is None for one in read)


def edited_words(before: Said, edit: Decrypted) -> str | None:
    """What the message says after this edit; None when the edit says nothing. A file stays what it was."""
    new = edit.content.get("m.new_content")
    if edit.event_type != _MESSAGE or not isinstance(new, dict):
        return None
    body = new.get("body")
    if not isinstance(body, str) or before.file is None:
        return body if isinstance(body, str) else None
    return "" if _is_name(body, new, before.file) else body


def _text(content: Mapping[str, Any]) -> str | None:
    """What stands in for an event of another type (MSC1767, in both its spellings), or a sticker's description."""
    versions = content.get("m.text")
    plain = [
        one.get("body")
        for one in (versions if isinstance(versions, list) else [])
        if isinstance(one, dict) and one.get("mimetype", "text/plain") == "text/plain"
    ]
    candidates = (*plain, content.get(_UNSTABLE_TEXT), content.get("body"))
    return next((text for text in candidates if isinstance(text, str)), None)


def _is_name(body: str, new: Mapping[str, Any], file: SharedFile) -> bool:
    return body == new.get("filename") or clean_name(body, fallback="") == file.name
