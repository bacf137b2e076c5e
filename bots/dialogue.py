"""Choosing somebody to consult: by number, user id, or a part of a name."""

from collections.abc import Sequence
from typing import Any

from bots.commands import plain
from bots.i18n import Language, translate
from bots.ports import Contact

Numbered = tuple[int, Contact]

_MOST_SHOWN = 30
_MOST_IN_DATA = 200
"""Of the contacts in one answer: a Matrix event holds 64 KiB."""

_LONGEST_NUMBER = 6


def numbered(contacts: Sequence[Contact]) -> list[Numbered]:
    """The contacts with the numbers by which they can be chosen."""
    return list(enumerate(contacts, start=1))


def matching(contacts: Sequence[Numbered], *, wanted: str, on_behalf_of: str | None) -> list[Numbered]:
    """Those who are meant by these words: one by number or exact name, else all in whose name they occur."""
    own = [one for one in contacts if on_behalf_of in (None, one[1].on_behalf_of)]
    if wanted.isdecimal() and len(wanted) <= _LONGEST_NUMBER:
        return [one for one in own if one[0] == int(wanted)]
    looked_for = plain(wanted)
    if wanted and not looked_for:  # nothing but accents
        return []
    exact = [one for one in own if looked_for in _names(one[1])]
    return exact or [one for one in own if any(looked_for in name for name in _names(one[1]))]


def contact_list(contacts: Sequence[Numbered], language: Language) -> str:
    """The contacts for people: one a line, by their numbers."""
    lines = [_line(number, contact, language) for number, contact in contacts[:_MOST_SHOWN]]
    if len(contacts) > _MOST_SHOWN:
        lines.append(translate(language, "assistant.more-contacts", count=len(contacts) - _MOST_SHOWN))
    return "\n".join(lines)


def contact_data(contacts: Sequence[Numbered]) -> dict[str, Any]:
    """The contacts for programs."""
    shown = [
        {"user_id": one.user_id, "name": one.name, "on_behalf_of": one.on_behalf_of}
        for _, one in contacts[:_MOST_IN_DATA]
    ]
    return {"contacts": shown, "total": len(contacts)}


def called(contact: Contact) -> str:
    """The contact in a sentence."""
    return contact.user_id if contact.name is None else f"{contact.name} ({contact.user_id})"


def _names(contact: Contact) -> list[str]:
    localpart = contact.user_id[1:].partition(":")[0]
    return [plain(name) for name in (contact.user_id, localpart, contact.name or "") if name]


def _line(number: int, contact: Contact, language: Language) -> str:
    line = f"{number}. {called(contact)}"
    if contact.on_behalf_of is None:
        return line
    return f"{line} — {translate(language, 'assistant.on-behalf-of', patient=contact.on_behalf_of)}"
