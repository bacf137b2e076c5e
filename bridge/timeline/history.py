"""The history of a conversation: read from the homeserver, decrypted for one reader, never stored in clear."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, EncryptedEvent, Undecryptable
from bridge.errors import BadCursorError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject
from bridge.timeline.message_events import encrypted, is_edit

log = logging.getLogger(__name__)

ENCRYPTED = "m.room.encrypted"

_MOST_REQUESTS = 10
"""For one page: somebody may fill a room with edits, which are no messages."""

_IN_ROOM = "@"
"""In a cursor, between the number of a room and the homeserver's token; no token of Synapse's has it."""


class StoredEvent(RoomEvent):
    """An event as the homeserver keeps it, with what it adds: relations, and the redaction if there was one."""

    unsigned: JsonObject = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """An event of the room with what decryption made of it, and of its last edit; `plain` None is redacted."""

    event: StoredEvent
    plain: Decrypted | Undecryptable | None
    edit: StoredEvent | None
    edited: Decrypted | Undecryptable | None


Plain = Mapping[str, tuple[EncryptedEvent, Decrypted]]
"""What events said, by their ids, with the events themselves: one that is another now is decrypted anew."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first; `next` is the cursor of the page before in time, None at the beginning of time.

    `newest`: of each room that it is made of, the newest first, the id of the newest event, None where there is
    none; an edit is none of the messages, but is one of those.
    """

    messages: list[RawMessage]
    next: str | None
    newest: tuple[str | None, ...]
    plain: Plain


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the homeserver says: events that are no edits, newest first; the rest as in `Page`."""

    events: list[StoredEvent]
    next: str | None
    newest: tuple[str | None, ...]


async def fetch_page(
    *, matrix: MatrixClient, reader: str, room_id: str, limit: int, before: str | None
) -> Fetched:
    """At most `limit` events, still encrypted.

    A page may be short, or empty, although older messages follow. Only encrypted events count: what somebody
    wrote in clear text, against the room's rule, is not shown. Raises BadCursorError.
    """
    events: list[StoredEvent] = []
    newest: str | None = None
    token = before
    for _ in range(_MOST_REQUESTS):
        try:
            page = await matrix.messages(
                user_id=reader,
                room_id=room_id,
                limit=limit - len(events),
                from_token=token,
                event_types=[ENCRYPTED],
            )
        except MatrixError as error:
            if before is not None and error.status == 400:  # noqa: PLR2004
                raise BadCursorError from error
            raise
        parsed = [parse_event(raw, room_id) for raw in page.chunk]
        if token == before and parsed and parsed[0] is not None:
            newest = parsed[0].event_id
        events += [event for event in parsed if event is not None and not is_edit(event.content)]
        token = page.end
        if token is None or len(events) == limit:
            break
    return Fetched(events, token, (newest,))


async def fetch_across(
    *, matrix: MatrixClient, reader: str, rooms: Sequence[str], limit: int, before: str | None
) -> Fetched:
    """The same of a conversation with these `rooms`, the newest first: before the beginning of one is another.

    It ends with the rooms that the reader is in. Cursors say the number of the room, but in the first.
    """
    number, token = _place(before, last=len(rooms) - 1)
    page = Fetched([], None, ())
    for room_number in range(number, -1, -1):
        try:
            found = await fetch_page(
                matrix=matrix,
                reader=reader,
                room_id=rooms[-1 - room_number],
                limit=limit - len(page.events),
                before=token,
            )
        except MatrixError as error:
            if room_number == number or error.errcode != "M_FORBIDDEN":
                raise
            return Fetched(page.events, None, page.newest)
        events = [*page.events, *found.events]
        page = Fetched(events, _cursor(room_number, found.next), (*page.newest, *found.newest))
        token = None
        if page.next is not None and (found.next is not None or len(events) == limit):
            break
    return page


def _cursor(number: int, token: str | None) -> str | None:
    """Where a page goes on: in this room, or else at the end of the one before it."""
    if token is None:
        return f"{number - 1}{_IN_ROOM}" if number > 0 else None
    return f"{number}{_IN_ROOM}{token}" if number > 0 else token


def _place(cursor: str | None, *, last: int) -> tuple[int, str | None]:
    """The number of the room, and the homeserver's token in it. Raises BadCursorError."""
    if cursor is None:
        return last, None
    number, separator, token = cursor.partition(_IN_ROOM)
    if not separator or not number.isdecimal():
        return 0, cursor
    if int(number) > last:
        raise BadCursorError
    return int(number), token or None


async def open_page(*, encryption: Encryption, reader: str, fetched: Fetched, known: Plain) -> Page:
    """The page with what it says. `known`: what this reader has decrypted already."""
    edits = [_last_edit(event) for event in fetched.events]
    plain = await _decrypt(encryption, reader, [*fetched.events, *edits], known)
    return Page(
        _messages(fetched.events, edits, plain), fetched.next, fetched.newest, readable(plain.values())
    )


def parse_event(raw: Any, room_id: str) -> StoredEvent | None:
    """The event as the homeserver gave it; None when it is malformed."""
    try:
        return StoredEvent.model_validate({**raw, "room_id": room_id})
    except (TypeError, ValidationError):
        log.warning("an event of %s is malformed and not shown", room_id)
        return None


async def _decrypt(
    encryption: Encryption, reader: str, events: Iterable[StoredEvent | None], known: Plain
) -> dict[str, tuple[EncryptedEvent, Decrypted | Undecryptable]]:
    wanted = [
        encrypted(event) for event in events if event is not None and "redacted_because" not in event.unsigned
    ]
    new = [event for event in wanted if event.event_id not in known or known[event.event_id][0] != event]
    results = await encryption.decrypt(reader, new, catch_up_missing=True) if new else []
    decrypted = {event.event_id: (event, result) for event, result in zip(new, results, strict=True)}
    return {event.event_id: decrypted.get(event.event_id) or known[event.event_id] for event in wanted}


def _messages(
    events: Sequence[StoredEvent],
    edits: Sequence[StoredEvent | None],
    plain: Mapping[str, tuple[EncryptedEvent, Decrypted | Undecryptable]],
) -> list[RawMessage]:
    def result(event: StoredEvent | None) -> Decrypted | Undecryptable | None:
        return plain[event.event_id][1] if event is not None and event.event_id in plain else None

    return [
        RawMessage(event=event, plain=result(event), edit=edit, edited=result(edit))
        for event, edit in zip(events, edits, strict=True)
    ]


def readable(opened: Iterable[tuple[EncryptedEvent, Decrypted | Undecryptable]]) -> Plain:
    """What need not be decrypted again. Why something can't be read may change: the key comes, say."""
    return {event.event_id: (event, result) for event, result in opened if isinstance(result, Decrypted)}


def _last_edit(event: StoredEvent) -> StoredEvent | None:
    """The edit that the homeserver bundled with this event, if its own sender made it (section 11.6.2)."""
    relations = event.unsigned.get("m.relations")
    raw = relations.get("m.replace") if isinstance(relations, dict) else None
    edit = None if raw is None else parse_event(raw, event.room_id)
    return edit if edit is not None and edit.sender == event.sender and edit.type == ENCRYPTED else None
