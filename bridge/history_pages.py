"""The newest pages that were read a moment ago, so that who looks again waits for one small question.

Callers ask for the newest page again and again. Whether what was read is still what the homeserver has is asked each
time: a page changes with a message, an edit or a redaction, and each of them is an event in its room. Pages are in
memory only, for a minute, and only so many bytes of ciphertext with their words (docs/adr/0012-pages-in-memory.md).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Undecryptable
from bridge.history import ENCRYPTED, Page, read_page
from bridge.matrix.client import MatrixClient

_KEPT_S = 60.0
_MOST_BYTES, _EMPTY_BYTES = 16 * 1024 * 1024, 4096
_CHANGES = [ENCRYPTED, "m.room.redaction"]

_Key = tuple[str, str, int]
"""Reader, room, limit."""


@dataclass(frozen=True, slots=True)
class _Kept:
    page: Page
    size: int
    ends_at: float
    end: asyncio.TimerHandle


class HistoryPages:
    """Reads pages for managed users."""

    def __init__(
        self,
        *,
        matrix: MatrixClient,
        encryption: Encryption,
        kept_s: float = _KEPT_S,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._matrix = matrix
        self._encryption = encryption
        self._kept_s = kept_s
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    async def read(self, *, reader: str, room_id: str, limit: int, before: str | None) -> Page:
        """See `read_page`. The caller has checked that the reader may read here."""
        key = (reader, room_id, limit)
        kept = self._kept.get(key) if before is None else None
        if kept is not None and await self._is_newest(kept.page, reader=reader, room_id=room_id):
            return kept.page
        page = await read_page(
            matrix=self._matrix,
            encryption=self._encryption,
            reader=reader,
            room_id=room_id,
            limit=limit,
            before=before,
            known={} if kept is None else kept.page.plain,
        )
        if before is None:
            # What was opened for an earlier page is not kept longer by being shown again.
            until = asyncio.get_running_loop().time() + self._kept_s if kept is None else kept.ends_at
            self._keep(key, page, until=until)
        return page

    async def _is_newest(self, page: Page, *, reader: str, room_id: str) -> bool:
        if any(
            isinstance(result, Undecryptable) for one in page.messages for result in (one.plain, one.edited)
        ):
            return False  # its key may have come
        answer = await self._matrix.messages(
            user_id=reader, room_id=room_id, limit=1, from_token=None, event_types=_CHANGES
        )
        return [event.get("event_id") for event in answer.chunk] == [page.newest]

    def _keep(self, key: _Key, page: Page, *, until: float) -> None:
        self._drop(key)
        size = _EMPTY_BYTES + sum(len(event.content["ciphertext"]) for event, _ in page.plain.values())
        end = asyncio.get_running_loop().call_at(until, self._drop, key)
        self._kept[key] = _Kept(page, size, until, end)
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept.end.cancel()
            self._bytes -= kept.size
