"""What of all that happens in a room is said to the assistant: a text, a call of a command, or something else.

Not heard: notices (what bots say), edits, redactions, verifications, calls.
"""

from dataclasses import dataclass
from typing import Any

from bots.quotations import without_quotation

COMMAND_EVENT = "es.videoconsulta.command"

_TEXTS = ("m.text", "m.emote")
_LONGEST_KEY = 64
_MEDIA = ("m.image", "m.file", "m.audio", "m.video", "m.location")


@dataclass(frozen=True, slots=True)
class Said:
    """A text. `mentioned`: the one person whom the writer's client marked in it; `thread`: the thread's root.

    `answers` is the message that it replies to.
    """

    text: str
    mentioned: str | None = None
    thread: str | None = None
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """An `es.videoconsulta.command`; its content is whatever its sender wrote."""

    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoText:
    """A picture, a file, a voice message: the assistant can do nothing with it, and says so."""


@dataclass(frozen=True, slots=True)
class Reacted:
    """A reaction with `key`, an emoji mostly, to the message `answers`."""

    key: str
    answers: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be decrypted."""


Heard = Said | Called | NoText | Reacted | Unreadable


def heard(event_type: str, content: dict[str, Any], *, listener: str) -> Heard | None:
    """What a decrypted event says to the assistant, who is `listener`; None when it says nothing to it."""
    if event_type == COMMAND_EVENT:
        return Called(content)
    if event_type == "m.reaction":
        return _reaction(_relates_to(content))
    if event_type == "m.sticker":
        return NoText()
    if event_type != "m.room.message" or "m.new_content" in content or _relation(content) == "m.replace":
        return None
    msgtype, body = content.get("msgtype"), content.get("body")
    if msgtype in _TEXTS and isinstance(body, str):
        return Said(
            without_quotation(content, body),
            mentioned=_mentioned(content, listener),
            thread=_thread(content),
            answers=_answered(content),
        )
    return NoText() if msgtype in _MEDIA else None


def _relates_to(content: dict[str, Any]) -> dict[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def _relation(content: dict[str, Any]) -> Any:
    return _relates_to(content).get("rel_type")


def _reaction(relation: dict[str, Any]) -> Reacted | None:
    key, answers = relation.get("key"), relation.get("event_id")
    if relation.get("rel_type") != "m.annotation" or not isinstance(key, str) or not isinstance(answers, str):
        return None
    return Reacted(key[:_LONGEST_KEY], answers)


def _answered(content: dict[str, Any]) -> str | None:
    # In a thread the relation may be there only for clients that know no threads.
    relation = _relates_to(content)
    replied = relation.get("m.in_reply_to")
    if not isinstance(replied, dict) or relation.get("is_falling_back") is True:
        return None
    return replied.get("event_id") if isinstance(replied.get("event_id"), str) else None


def _thread(content: dict[str, Any]) -> str | None:
    root = _relates_to(content).get("event_id")
    return root if _relation(content) == "m.thread" and isinstance(root, str) else None


def _mentioned(content: dict[str, Any], listener: str) -> str | None:
    # Clients put a display name into the text where the user id was meant (client-server API, 11.37).
    mentions = content.get("m.mentions")
    users = mentions.get("user_ids") if isinstance(mentions, dict) else None
    # An answer mentions whom it answers: that is the listener herself.
    others = [user for user in users if user != listener] if isinstance(users, list) else []
    return others[0] if len(others) == 1 and isinstance(others[0], str) else None
