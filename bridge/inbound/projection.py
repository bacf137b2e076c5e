"""What an event of a consult room changes in what we know of the room, in the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.facts import Fact, append
from bridge.matrix.events import RoomEvent
from bridge.rooms.arrivals import note_arrival, note_invitation, note_presence
from bridge.rooms.former_rooms import Place
from bridge.rooms.rooms import record_event, set_membership, set_rotation
from bridge.states.attending import note_reaction, take_back
from bridge.states.receipts import reach_over_late
from bridge.states.statuses import mark_edited, mark_taken_back
from bridge.storage.reviews import make_room_due
from bridge.timeline.message_events import edited_by, is_message
from bridge.timeline.recent import RecentEvents


class Projection:
    """Follows consult rooms. The keeper is no member that counts: it has no device."""

    def __init__(self, *, keeper_id: str, recent: RecentEvents, now: Now) -> None:
        self._keeper_id = keeper_id
        self._recent = recent
        self._now = now

    async def follow(
        self,
        connection: AsyncConnection,
        pushed: RoomEvent,
        *,
        place: Place | None = None,
        is_silent: bool = False,
    ) -> None:
        """Give the event its place in the conversation's order, with what follows from it.

        Once: again changes nothing. `place`: which conversation's room it is in; left out, it is one in its first
        room. Who comes and goes in a room that was left behind doesn't count. `is_silent`: decrypted it is no message
        (bridge/messages/words.py), which an encrypted one doesn't show.
        """
        place = place or Place(pushed.room_id, is_current=True)
        event = pushed.model_copy(update={"room_id": place.conversation_id})
        later = None if pushed.room_id == event.room_id else pushed.room_id
        if not await record_event(connection, event, is_silent=is_silent, upgraded_room_id=later):
            return
        if event.is_late:
            await reach_over_late(connection, event.room_id)
        if place.is_current:
            await self.follow_membership(connection, event)
        if event.type == "m.room.encryption" and event.state_key == "":  # any member may send it as no state
            await set_rotation(connection, event.room_id, event.content)
        elif event.type == "m.reaction":
            await note_reaction(connection, event)
        elif event.type == "m.room.redaction":
            await take_back(connection, event)
            redacted = str(event.content.get("redacts"))
            await mark_taken_back(connection, room_id=event.room_id, event_id=redacted, at=event.sent_at)
            self._recent.forget(redacted, room_id=pushed.room_id)
        elif not is_silent and self.is_news(event):
            await append(connection, _received(event))
        elif not is_silent and (edited := edited_by(event)) is not None:
            await mark_edited(
                connection,
                room_id=event.room_id,
                event_id=edited,
                edit_id=event.event_id,
                sender=event.sender,
                at=event.sent_at,
            )

    def is_news(self, event: RoomEvent) -> bool:
        """Whether it is a message of which people are told when it comes: of what we sent they were told then."""
        return is_message(event) and not self._recent.is_sent(event.event_id)

    async def follow_membership(self, connection: AsyncConnection, event: RoomEvent) -> None:
        """Record who came or went, in direct chats too."""
        if event.type != "m.room.member":
            if not event.is_late:  # what was sent before she left may come after it
                await note_presence(connection, event.room_id, event.sender, now=self._now())
        elif event.state_key not in (None, self._keeper_id):
            await self._follow_member(connection, event, str(event.state_key))

    async def _follow_member(self, connection: AsyncConnection, event: RoomEvent, user_id: str) -> None:
        membership = str(event.content.get("membership"))
        if event.is_late and membership == "invite":  # she may have taken it since
            await note_invitation(connection, event.room_id, user_id)
            return
        if membership == "join":
            await note_arrival(connection, event, now=self._now())
        await set_membership(connection, event.room_id, user_id, membership)
        if event.is_late and membership != "join":  # she may be back since: the room is asked
            await make_room_due(connection, room_id=event.room_id, now=self._now())


def _received(event: RoomEvent) -> Fact:
    return Fact(
        id=f"message.received:{event.event_id}",
        kind="message.received",
        subject=event.room_id,
        at=event.sent_at,
        data={"event_id": event.event_id, "sender": event.sender},
    )
