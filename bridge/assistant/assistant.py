"""The assistant in Matrix: what reaches it, and its answers, each once.

An answer's id in the outbox is derived from the event that it answers. So an event that is handled again after a
crash opens the same conversation and gives the same single answer.
"""

import logging
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.errors import NotInCareTeamError
from bots import assistant as words
from bots.booking_dialogue import Dialogue
from bots.booking_ports import BookingDesk
from bots.commands import is_marked
from bots.hearing import Called, Heard, Reacted, Said, Unreadable, heard
from bots.i18n import DEFAULT_LANGUAGE
from bots.ports import ConsultDesk
from bots.replies import Asker, Reply, Turn
from bots.router import Router
from bots.rpc import RESULT_EVENT, Relation, ResultContent
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.errors import ServiceError
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject
from bridge.messages.outbox import Outbox
from bridge.people.people import language_of, zone_of
from bridge.reminding.dialogues import Dialogues
from bridge.rooms.rooms import membership_of
from bridge.settings import Settings
from bridge.storage.database import Database
from bridge.timeline.message_events import encrypted, is_edit

log = logging.getLogger(__name__)

_MESSAGE = "m.room.message"


@dataclass(frozen=True, slots=True)
class Speech:
    """Something that the assistant says once: `send_id` is derived from what made it speak."""

    send_id: str
    room_id: str
    event_type: str
    content: JsonObject
    dialogue: Dialogue | None = None
    ends_dialogue: bool = False


@dataclass(frozen=True, slots=True)
class Attended:
    """What follows from an event of `person` for the assistant: what it says, what it read and has to forget."""

    speech: Speech | None = None
    forget: EncryptedEvent | None = None
    person: str = ""


class Assistant:
    """Hears events and speaks. It says nothing before `accept` has stored it with the event's other effects."""

    def __init__(
        self,
        *,
        database: Database,
        encryption: Encryption,
        outbox: Outbox,
        desk: ConsultDesk,
        bookings: BookingDesk,
        dialogues: Dialogues,
        settings: Settings,
        now: Now,
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._outbox = outbox
        self._router = Router(desk=desk, bookings=bookings, clinic=settings.clinic)
        self._dialogues = dialogues
        self._now = now
        self._settings = settings
        self._id = settings.assistant_id

    async def in_direct_chat(self, event: RoomEvent, *, person: str) -> Attended:
        """What to say to an event of this person's chat: a welcome when she joins, an answer to what she says."""
        if event.type == "m.room.member" and event.state_key == person:
            is_joined = event.content.get("membership") == "join"
            return Attended(await self._welcome(event.room_id, person)) if is_joined else Attended()
        if event.sender != person:
            return Attended()
        said: Heard | None = None
        if event.type == "m.reaction":  # clients send them unencrypted
            said = heard(event.type, event.content, listener=self._id)
        elif _has_words(event):
            said, _ = await self._read(event)
        speech = None if said is None else await self._answer(event, said, is_private=True)
        return Attended(speech, person=person)

    async def in_consult_room(self, event: RoomEvent, *, conversation_id: str) -> Attended:
        """The same in a consult room, if the clinic lets the assistant in: it answers marked commands only.

        What it could read it must forget.
        """
        if not self._settings.assistant.in_consult_rooms:
            return Attended()
        if event.type == "m.room.member" and event.state_key == self._id:
            is_joined = event.content.get("membership") == "join"
            return Attended(self._announcement(event.room_id, conversation_id)) if is_joined else Attended()
        if event.sender == self._id or not _has_words(event) or not await self._is_in(conversation_id):
            return Attended()
        said, read = await self._read(event)
        speech = None
        if isinstance(said, Said) and is_marked(said.text):
            speech = await self._answer(event, said, is_private=False)
            speech = None if speech is None else replace(speech, room_id=conversation_id)
        return Attended(speech, forget=read)

    async def accept(self, connection: AsyncConnection, attended: Attended) -> None:
        """Store what is to be said, in the caller's transaction; forget what was read."""
        if attended.forget is not None:
            await self._encryption.forget_read(connection, self._id, attended.forget)
        if attended.speech is None:
            return
        speech = attended.speech
        if speech.dialogue is not None:
            await self._dialogues.save(connection, person=attended.person, dialogue=speech.dialogue)
        elif speech.ends_dialogue:
            await self._dialogues.end(connection, person=attended.person)
        await self._outbox.accept(
            connection,
            send_id=speech.send_id,
            room_id=speech.room_id,
            sender=self._id,
            event_type=speech.event_type,
            content=speech.content,
        )

    async def deliver(self, attended: Attended) -> None:
        """Say what was accepted. What can't leave now waits in the outbox; what must not any more is dropped."""
        if attended.speech is None:
            return
        speech = attended.speech
        try:
            await self._outbox.deliver(send_id=speech.send_id, room_id=speech.room_id)
        except (ServiceError, NotInCareTeamError) as error:
            log.warning("an answer in %s waits or was refused: %s", speech.room_id, type(error).__name__)

    async def _welcome(self, room_id: str, person: str) -> Speech:
        language = (await self._asker(person)).language or DEFAULT_LANGUAGE
        text = words.welcome(self._settings.clinic, language)
        return Speech(f"assistant:welcome:{room_id}", room_id, _MESSAGE, _notice(text))

    def _announcement(self, room_id: str, conversation_id: str) -> Speech:
        said = _notice(words.announcement())
        return Speech(f"assistant:announced:{room_id}", conversation_id, _MESSAGE, said)

    async def _read(self, event: RoomEvent) -> tuple[Heard | None, EncryptedEvent | None]:
        """What the event says to the assistant, and the event if it could be decrypted."""
        closed = encrypted(event)
        (found,) = await self._encryption.decrypt(self._id, [closed], catch_up_missing=True)
        if not isinstance(found, Decrypted):
            log.info("the assistant can't read an event in %s: %s", event.room_id, found.reason)
            return (None if found.reason == "replayed" else Unreadable()), None
        return heard(found.event_type, found.content, listener=self._id), closed

    async def _answer(self, event: RoomEvent, said: Heard, *, is_private: bool) -> Speech | None:
        turn = Turn(
            event.event_id, self._now(), await self._dialogue(event.sender, said) if is_private else None
        )
        asker = await self._asker(event.sender)
        reply = await self._router.answer(said, asker=asker, turn=turn, is_private=is_private)
        if reply is None:
            return None
        send_id = f"assistant:answer:{event.event_id}"
        if isinstance(said, Called):
            return Speech(send_id, event.room_id, RESULT_EVENT, _result(reply, event.event_id))
        dialogue = None if reply.dialogue is None else reply.dialogue.model_copy(update={"send_id": send_id})
        thread = said.thread if isinstance(said, Said) else None
        return Speech(
            send_id,
            event.room_id,
            _MESSAGE,
            _notice(reply.text) | _in_thread(thread, event),
            dialogue,
            # What was chosen from can't be chosen from again: an "ok" said later must not cancel anything.
            ends_dialogue=is_private,
        )

    async def _asker(self, user_id: str) -> Asker:
        async with self._database.read() as connection:
            return Asker(user_id, await language_of(connection, user_id), await zone_of(connection, user_id))

    async def _dialogue(self, person: str, said: Heard) -> Dialogue | None:
        answers = said.answers if isinstance(said, Said | Reacted) else None
        async with self._database.read() as connection:
            return await self._dialogues.find(connection, person=person, answers=answers)

    async def _is_in(self, room_id: str) -> bool:
        # As of this event: memberships are recorded in the room's order.
        async with self._database.read() as connection:
            return (await membership_of(connection, room_id, [self._id])).get(self._id) == "join"


def _has_words(event: RoomEvent) -> bool:
    # An edit's relation stands in clear text; a redacted event has no content left.
    return event.type == "m.room.encrypted" and bool(event.content) and not is_edit(event.content)


def _notice(text: str) -> JsonObject:
    # Bots say notices, so that bots don't answer bots; nobody is mentioned.
    return {"msgtype": "m.notice", "body": text, "m.mentions": {}}


def _in_thread(root: str | None, event: RoomEvent) -> JsonObject:
    if root is None:
        return {}
    relation: dict[str, Any] = {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": event.event_id},
    }
    return {"m.relates_to": relation}


def _result(reply: Reply, event_id: str) -> JsonObject:
    result = ResultContent(
        status=reply.status, text=reply.text, data=reply.data, relates_to=Relation(event_id=event_id)
    )
    return result.model_dump(by_alias=True)
