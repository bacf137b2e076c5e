"""What is handled in the very transaction that stores it, so that one commit does for a whole push.

What people write, react to, take back and read in consult rooms: all that needs nothing from the homeserver. The
rest (somebody joins, a key is missing, the assistant listens) is left to the dispatcher, and so is whatever stands
behind it in its room (bridge/inbound/dispatch.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from bots.consult import server_of
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.inbound.inbox import StoredItem
from bridge.inbound.items import EPHEMERAL, EVENT, KEY_COUNTS
from bridge.inbound.projection import Projection
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.matrix.events import Receipts, RoomEvent
from bridge.messages.words import is_silent
from bridge.people.people import managed_among
from bridge.rooms.rooms import Reading, readers_of
from bridge.states.receipts import record_receipts
from bridge.storage.inbox import mark_all_processed
from bridge.timeline.message_events import encrypted, is_message
from bridge.timeline.recent import RecentEvents

_ENCRYPTED = "m.room.encrypted"
_REDACTION = "m.room.redaction"
_TYPES = frozenset({_ENCRYPTED, "m.reaction", _REDACTION})
_KINDS = frozenset({EVENT, EPHEMERAL, KEY_COUNTS})


@dataclass(frozen=True, slots=True)
class Handled:
    """The items that are left, and the people whose streams have something to tell with the commit.

    `opened` has what some of them are told in words, decrypted, by reader and event id.
    """

    left: list[StoredItem]
    told: frozenset[str] = frozenset()
    opened: Mapping[tuple[str, str], Decrypted] = field(default_factory=dict, repr=False)


class AtOnce:
    """Handles items; `portal_server` is where the people live whose keys we hold."""

    def __init__(
        self,
        *,
        encryption: Encryption,
        projection: Projection,
        recent: RecentEvents,
        placing: Placing,
        notifier: Notifier,
        reading: Reading,
        portal_server: str,
        now: Now,
    ) -> None:
        self._encryption = encryption
        self._projection = projection
        self._recent = recent
        self._placing = placing
        self._notifier = notifier
        self._reading = reading
        self._portal_server = portal_server
        self._now = now

    async def handle(
        self, connection: AsyncConnection, items: Sequence[StoredItem], *, is_busy: Callable[[str], bool]
    ) -> Handled:
        """Handle what can be of these items, just stored; the others are left.

        `is_busy` says of which rooms the dispatcher has something to do first.
        """
        opened: dict[tuple[str, str], Decrypted] = {}
        left = await self._handle(connection, items, is_busy, opened)
        if len(left) == len(items) or not self._notifier.open_streams:
            return Handled(left)
        placed = await self._placing.place_within(connection)
        return Handled(left, placed.people, opened)

    def tell(self, handled: Handled) -> None:
        """Wake the streams: what was handled is committed."""
        self._recent.hand_over(handled.opened)
        self._notifier.ring(handled.told)

    async def _handle(
        self,
        connection: AsyncConnection,
        items: Sequence[StoredItem],
        is_busy: Callable[[str], bool],
        opened: dict[tuple[str, str], Decrypted],
    ) -> list[StoredItem]:
        if self._reading.attends or any(item.kind not in _KINDS for item in items):
            return list(items)
        left: list[StoredItem] = []
        done: list[int] = []
        rooms_left: set[str] = set()
        for item in items:
            room_id = item.payload.get("room_id")
            if room_id is None or room_id in rooms_left or is_busy(room_id):
                left.append(item)
            elif await self._is_handled(connection, item, opened):
                done.append(item.seq)
            else:
                left.append(item)
                rooms_left.add(room_id)
        await mark_all_processed(connection, done, at=self._now())
        return left

    async def _is_handled(
        self, connection: AsyncConnection, item: StoredItem, opened: dict[tuple[str, str], Decrypted]
    ) -> bool:
        if item.kind == EVENT:
            return await self._event(connection, RoomEvent.model_validate(item.payload), opened)
        return await self._receipts(connection, Receipts.model_validate(item.payload))

    async def _event(
        self, connection: AsyncConnection, event: RoomEvent, opened: dict[tuple[str, str], Decrypted]
    ) -> bool:
        if event.type not in _TYPES:
            return False
        readers = await readers_of(connection, event.room_id, now=self._now())
        if readers is None:
            return False
        read: list[Decrypted | Undecryptable] | None = []
        if event.type == _ENCRYPTED:
            read = await self._read(connection, event, readers.people, opened)
        if read is None:
            return False
        await self._projection.follow(connection, event, place=readers.place, is_silent=is_silent(read))
        if event.type == _REDACTION:  # what came in this very push is not with the recent ones yet
            _take_back(opened, event.content.get("redacts"))
        return True

    async def _read(
        self,
        connection: AsyncConnection,
        event: RoomEvent,
        members: frozenset[str],
        opened: dict[tuple[str, str], Decrypted],
    ) -> list[Decrypted | Undecryptable] | None:
        """What our people among these read; None when one lacks the key. What streams tell of it is noted."""
        message = encrypted(event)
        is_news = self._projection.is_news(event)
        results: list[Decrypted | Undecryptable] = []
        for reader in await self._ours(connection, members - {event.sender}):
            (read,) = await self._encryption.decrypt_within(connection, reader, [message])
            if read == Undecryptable("unknown-session"):
                return None
            results.append(read)
            if is_news and isinstance(read, Decrypted) and self._notifier.wants_bodies(reader):
                opened[reader, event.event_id] = read
        if is_message(event):
            self._recent.keep(message)
        return results

    async def _ours(self, connection: AsyncConnection, people: Iterable[str]) -> list[str]:
        at_portal = [one for one in people if server_of(one) == self._portal_server]
        return await managed_among(connection, at_portal) if at_portal else []

    async def _receipts(self, connection: AsyncConnection, read: Receipts) -> bool:
        readers = await readers_of(connection, read.room_id, now=self._now())
        if readers is None:
            return False
        await record_receipts(connection, place=readers.place, pushed=read.receipts, now=self._now())
        return True


def _take_back(opened: dict[tuple[str, str], Decrypted], event_id: object) -> None:
    for key in [key for key in opened if key[1] == event_id]:
        del opened[key]
