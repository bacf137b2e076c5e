"""What happens with each thing that the homeserver pushes, once it is stored (bridge/inbound/dispatch.py calls this).

Network first, then one transaction with the effects and the processed mark: a crash in between repeats only
what may be repeated.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.assistant.assistant import Assistant, Attended
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.inbound.projection import Projection
from bridge.matrix.events import Receipt, RoomEvent, ToDeviceEvent
from bridge.messages.words import is_silent
from bridge.people.people import managed_among
from bridge.rooms.arrivals import note_found
from bridge.rooms.direct_chats import person_of
from bridge.rooms.former_rooms import Place, place_of
from bridge.rooms.rooms import readers_of
from bridge.states.receipts import record_receipts
from bridge.storage.database import Database
from bridge.storage.inbox import mark_processed
from bridge.timeline.message_events import encrypted, is_message
from bridge.timeline.recent import RecentEvents

_MEMBER = "m.room.member"


class Inbound:
    """Handles pushed items, each on its own; `told` is called when there may be something to tell people."""

    def __init__(
        self,
        *,
        database: Database,
        encryption: Encryption,
        assistant: Assistant,
        projection: Projection,
        recent: RecentEvents,
        told: Callable[[], None],
        now: Now,
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._assistant = assistant
        self._projection = projection
        self._recent = recent
        self._told = told
        self._now = now

    async def to_device(self, seq: int, event: ToDeviceEvent) -> None:
        """A message for one of our devices: mostly a room key."""
        await self._encryption.receive_to_device(seq, event)

    async def device_lists(self, seq: int, changed: Sequence[str], left: Sequence[str]) -> None:
        """Somebody has other devices now, or shares no room with us any more."""
        await self._encryption.device_lists_changed(changed, left)
        await self._done(seq)

    async def key_counts(
        self,
        seq: int,
        counts: Mapping[str, Mapping[str, Mapping[str, int]]],
        unused_fallback: Mapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        """How many one-time keys the homeserver still has of our devices."""
        await self._encryption.key_counts(counts, unused_fallback)
        await self._done(seq)

    async def receipts(self, seq: int, room_id: str, receipts: Sequence[Receipt]) -> None:
        """Who has read up to where."""
        async with self._database.write() as connection:
            place = await place_of(connection, room_id)
            if place is not None:
                await record_receipts(connection, place=place, pushed=receipts, now=self._now())
            else:
                for receipt in receipts:  # who reads her chat with the assistant is in it
                    await note_found(connection, room_id, receipt.user_id, noted="invite", now=self._now())
            await mark_processed(connection, seq, at=self._now())
        self._told()

    async def room_event(self, seq: int, event: RoomEvent) -> None:
        """Something that happened in a room. Others than consult rooms and direct chats are of no interest."""
        async with self._database.read() as connection:
            place = await place_of(connection, event.room_id)
            person = None if place is not None else await person_of(connection, event.room_id)
        if place is None and person is None:
            await self._done(seq)
            return
        if event.type == _MEMBER and event.content.get("membership") == "join":
            await self._encryption.share_history(event.room_id, str(event.state_key))
        silent = place is not None and event.type == "m.room.encrypted" and is_silent(await self._read(event))
        attended = await self._attend(event, person, place)
        # The item is on the disk, and would be handled again.
        async with self._database.write(synced=False) as connection:
            if place is not None:
                await self._follow(connection, event, place, is_silent=silent)
            else:
                await self._projection.follow_membership(connection, event)
            await self._assistant.accept(connection, attended)
            await mark_processed(connection, seq, at=self._now())
        self._told()
        await self._assistant.deliver(attended)

    async def _attend(self, event: RoomEvent, person: str | None, place: Place | None) -> Attended:
        if place is not None:
            return await self._assistant.in_consult_room(event, conversation_id=place.conversation_id)
        return await self._assistant.in_direct_chat(event, person=str(person))

    async def _follow(
        self, connection: AsyncConnection, event: RoomEvent, place: Place, *, is_silent: bool
    ) -> None:
        latest = await place_of(connection, event.room_id)  # it may have been left behind a moment ago
        await self._projection.follow(connection, event, place=latest or place, is_silent=is_silent)

    async def _read(self, event: RoomEvent) -> list[Decrypted | Undecryptable]:
        """What our people read; keys that got lost on their way are fetched as soon as a message needs them."""
        async with self._database.read() as connection:
            found = await readers_of(connection, event.room_id, now=self._now())
            people = frozenset[str]() if found is None else found.people
            readers = await managed_among(connection, people - {event.sender})
        message = encrypted(event)
        if is_message(event):
            self._recent.keep(message)
        return [
            one
            for reader in readers
            for one in await self._encryption.decrypt(reader, [message], catch_up_missing=True)
        ]

    async def _done(self, seq: int) -> None:
        async with self._database.write(synced=False) as connection:
            await mark_processed(connection, seq, at=self._now())
