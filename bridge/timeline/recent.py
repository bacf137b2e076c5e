"""What was sent or pushed of late, still encrypted (but for what is told this moment) and in memory only.

Streams show the last of it without asking the homeserver again. Who reads a page has it opened while the homeserver
is asked what the page is: only what the homeserver then gives, the same in every part, is shown of that.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice

from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.matrix.json import memory_of

_FOR_STREAMS = 256
_A_ROOM = 100
_MOST_BYTES, _AN_EVENT_BYTES = 32 * 1024 * 1024, 700
_LARGEST_BYTES = 128 * 1024
"""No client's message takes so much: an event has 64 KiB at the most, nearly all of it one text, its ciphertext."""

_OPENED_S = 5.0

_Kept = tuple[EncryptedEvent, int]
"""With its size, counted once."""


class RecentEvents:
    """The last encrypted messages: of all rooms by id, and of each room the newest 100.

    The rooms in which nothing came for the longest time are forgotten when all take more than `most_bytes` of memory.
    What takes more than any message does is not kept.
    """

    def __init__(self, *, most_bytes: int = _MOST_BYTES, opened_s: float = _OPENED_S) -> None:
        self._most_bytes = most_bytes
        self._opened_s = opened_s
        self._bytes = 0
        self._events: OrderedDict[str, EncryptedEvent] = OrderedDict()
        self._sent: set[str] = set()
        self._rooms: OrderedDict[str, OrderedDict[str, _Kept]] = OrderedDict()
        self._opened: dict[tuple[str, str], Decrypted] = {}
        self._close: asyncio.TimerHandle | None = None

    def hand_over(self, opened: Mapping[tuple[str, str], Decrypted]) -> None:
        """What was just decrypted, by reader and event id, for streams that are about to tell it.

        Words stay no longer than until they are taken, or the next are handed over, and `opened_s` in any case.
        """
        if self._close is not None:
            self._close.cancel()
            self._close = None
        self._opened = dict(opened)
        if opened:
            self._close = asyncio.get_running_loop().call_later(self._opened_s, self._forget_opened)

    def take(self, reader: str, event_id: str) -> Decrypted | None:
        """What was handed over for this reader; once."""
        return self._opened.pop((reader, event_id), None)

    def keep(self, event: EncryptedEvent, *, is_sent: bool = False) -> None:
        """Keep it for a while. `is_sent`: by us, and the fact of that is committed.

        In its room it is kept as it was pushed, whichever came first: with what the homeserver added.
        """
        size = _AN_EVENT_BYTES + memory_of(event.content)
        if size > _LARGEST_BYTES:
            return
        self._events[event.event_id] = event
        if is_sent:
            self._sent.add(event.event_id)
        if len(self._events) > _FOR_STREAMS:
            oldest, _ = self._events.popitem(last=False)
            self._sent.discard(oldest)
        if not (is_sent and event.event_id in self._rooms.get(event.room_id, ())):
            self._keep_in_room(event, size)

    def forget(self, event_id: str, *, room_id: str) -> None:
        """It was taken back."""
        self._events.pop(event_id, None)
        self._sent.discard(event_id)
        self._opened = {key: words for key, words in self._opened.items() if key[1] != event_id}
        self._drop(room_id, event_id)

    def find(self, event_id: str) -> EncryptedEvent | None:
        """The event, if it is one of the last."""
        return self._events.get(event_id)

    def newest(self, room_id: str, *, limit: int) -> list[EncryptedEvent]:
        """At most so many of a room's last messages, newest first; some may be missing, or taken back since."""
        room = self._rooms.get(room_id)
        return [] if room is None else [event for event, _ in islice(reversed(room.values()), limit)]

    def is_sent(self, event_id: str) -> bool:
        """Whether we sent it a moment ago, so that people are told of it already."""
        return event_id in self._sent

    def _forget_opened(self) -> None:
        self._opened = {}

    def _keep_in_room(self, event: EncryptedEvent, size: int) -> None:
        room_id = event.room_id
        self._drop(room_id, event.event_id)
        room = self._rooms.setdefault(room_id, OrderedDict())
        self._rooms.move_to_end(room_id)
        room[event.event_id] = event, size
        self._bytes += size
        if len(room) > _A_ROOM:
            self._drop(room_id, next(iter(room)))
        while self._bytes > self._most_bytes:
            _, forgotten = self._rooms.popitem(last=False)
            self._bytes -= sum(size for _, size in forgotten.values())

    def _drop(self, room_id: str, event_id: str) -> None:
        room = self._rooms.get(room_id)
        kept = None if room is None else room.pop(event_id, None)
        if kept is not None:
            self._bytes -= kept[1]
