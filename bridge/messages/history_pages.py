"""The newest pages that were read a moment ago, so that who looks again waits for one small question.

Callers ask for the newest page again and again. Whether what was read is still what the homeserver has is asked each
time: a page changes with a message, an edit or a redaction, and each of them is an event in its room. Pages are in
memory only, for a minute, and only so many bytes of events with their words (docs/adr/0012-pages-in-memory.md).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Undecryptable
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import memory_of
from bridge.messages.together import together
from bridge.timeline.history import ENCRYPTED, Fetched, Page, Plain, fetch_across, open_page, readable
from bridge.timeline.recent import RecentEvents

_KEPT_S = 60.0
_WEIGHED_AFTER_S = 0.02
"""By then the answer is written, which a page's weighing would hold up."""

_MOST_BYTES, _EMPTY_BYTES, _A_MESSAGE_BYTES = 48 * 1024 * 1024, 4096, 1300
_CHANGES = [ENCRYPTED, "m.room.redaction"]

_Key = tuple[str, str, int]
"""Reader, room, limit."""


@dataclass(eq=False, slots=True)
class _Kept:
    page: Page
    newest: tuple[str | None, ...]
    ends_at: float
    end: asyncio.TimerHandle
    size: int = 0


class HistoryPages:
    """Reads pages for managed users."""

    def __init__(
        self,
        *,
        matrix: MatrixClient,
        encryption: Encryption,
        recent: RecentEvents,
        kept_s: float = _KEPT_S,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._matrix = matrix
        self._encryption = encryption
        self._recent = recent
        self._kept_s = kept_s
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    async def read(self, *, reader: str, rooms: Sequence[str], limit: int, before: str | None) -> Page:
        """A page of at most `limit` messages, older than the cursor `before`. Raises BadCursorError.

        The caller has checked that the reader may read the conversation of these `rooms`, the newest first.
        """
        room_id = rooms[0]
        if before is not None:
            fetched = await self._fetch(reader=reader, rooms=rooms, limit=limit, before=before)
            return await open_page(encryption=self._encryption, reader=reader, fetched=fetched, known={})
        key = (reader, room_id, limit)
        kept = self._kept.get(key)
        # Asked for before the page, so that what comes in between is noticed the next time.
        newest = None
        if kept is not None and not _may_open(kept.page):
            newest = await self._newest_changes(reader, rooms[: len(kept.newest)])
            if kept.newest == newest:
                return kept.page
        known = {} if kept is None else kept.page.plain
        page = await self._read_newest(reader=reader, rooms=rooms, limit=limit, known=known)
        # What was opened for an earlier page is not kept longer by being shown again.
        until = asyncio.get_running_loop().time() + self._kept_s if kept is None else kept.ends_at
        if newest is None or len(newest) != len(page.newest):
            newest = page.newest
        self._keep(key, page, newest=newest, until=until)
        return page

    def expected(self, *, reader: str, room_id: str, limit: int) -> list[str]:
        """The ids of the events that the newest page probably has: what to get ready for while it is read."""
        kept = self._kept.get((reader, room_id, limit))
        shown = [] if kept is None else [one.event.event_id for one in kept.page.messages]
        recent = [event.event_id for event in self._recent.newest(room_id, limit=limit)]
        return list(dict.fromkeys(recent + shown))

    async def _read_newest(self, *, reader: str, rooms: Sequence[str], limit: int, known: Plain) -> Page:
        # What passed here is opened while the homeserver says what the page is: either takes some milliseconds.
        fetched, opened = await together(
            self._fetch(reader=reader, rooms=rooms, limit=limit, before=None),
            self._open_recent(reader=reader, room_id=rooms[0], limit=limit, known=known),
        )
        return await open_page(
            encryption=self._encryption, reader=reader, fetched=fetched, known={**known, **opened}
        )

    async def _fetch(self, *, reader: str, rooms: Sequence[str], limit: int, before: str | None) -> Fetched:
        return await fetch_across(matrix=self._matrix, reader=reader, rooms=rooms, limit=limit, before=before)

    async def _open_recent(self, *, reader: str, room_id: str, limit: int, known: Plain) -> Plain:
        recent = self._recent.newest(room_id, limit=limit)
        new = [event for event in recent if event.event_id not in known]
        results = await self._encryption.decrypt(reader, new) if new else []
        return readable(zip(new, results, strict=True))

    async def _newest_changes(self, reader: str, rooms: Sequence[str]) -> tuple[str | None, ...] | None:
        """Of each room the id of the event that last changed what a newest page is; None if one is closed to her."""
        try:
            return tuple([await self._newest_change(reader, room_id) for room_id in rooms])
        except MatrixError as error:
            if error.errcode != "M_FORBIDDEN":
                raise
            return None

    async def _newest_change(self, reader: str, room_id: str) -> str | None:
        answer = await self._matrix.messages(
            user_id=reader, room_id=room_id, limit=1, from_token=None, event_types=_CHANGES
        )
        return next((event.get("event_id") for event in answer.chunk), None)

    def _keep(self, key: _Key, page: Page, *, newest: tuple[str | None, ...], until: float) -> None:
        self._drop(key)
        loop = asyncio.get_running_loop()
        kept = self._kept[key] = _Kept(page, newest, until, loop.call_at(until, self._drop, key))
        loop.call_later(_WEIGHED_AFTER_S, self._weigh, key, kept)

    def _weigh(self, key: _Key, kept: _Kept) -> None:
        if self._kept.get(key) is not kept:
            return
        kept.size = _EMPTY_BYTES + _memory_of(kept.page)
        self._bytes += kept.size
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept.end.cancel()
            self._bytes -= kept.size


def _may_open(page: Page) -> bool:
    """Whether something on it couldn't be read: its key may have come."""
    return any(
        isinstance(result, Undecryptable) for one in page.messages for result in (one.plain, one.edited)
    )


def _memory_of(page: Page) -> int:
    pairs = [(one.event, one.edit) for one in page.messages]
    events = [event for pair in pairs for event in pair if event is not None]
    raw = sum(memory_of(event.content) + memory_of(event.unsigned) for event in events)
    words = sum(memory_of(opened.content) for _, opened in page.plain.values())
    return _A_MESSAGE_BYTES * len(events) + raw + words
