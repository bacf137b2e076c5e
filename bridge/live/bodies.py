"""What messages say, for a stream: decrypted when it is delivered, stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted, EncryptedEvent, Undecryptable
from bridge.matrix.client import MatrixClient
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject
from bridge.messages.words import said
from bridge.rooms.former_rooms import find_event
from bridge.storage.database import Database
from bridge.timeline.message_events import encrypted
from bridge.timeline.recent import RecentEvents

_ENCRYPTED = "m.room.encrypted"


@dataclass(frozen=True, slots=True)
class Body:
    """What is known of a message's words: None for one that was taken back or can't be read.

    `is_message` is False for what turns out to be none, a call's signalling for instance.
    """

    text: str | None = None
    is_message: bool = True


class Bodies:
    """Reads messages as managed users."""

    def __init__(
        self, *, database: Database, matrix: MatrixClient, encryption: Encryption, recent: RecentEvents
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._encryption = encryption
        self._recent = recent

    async def read(self, reader: str, messages: Sequence[tuple[str, str]]) -> list[Body]:
        """The words of each of these messages, by conversation and message id.

        Raises MatrixError and HomeserverUnreachableError for trouble that ends.
        """
        by_id: dict[str, Body] = {}
        unopened = []
        for conversation_id, event_id in messages:
            if (opened := self._recent.take(reader, event_id)) is not None:
                by_id[event_id] = _body(opened)
            elif (event := await self._event(reader, conversation_id, event_id)) is not None:
                unopened.append(event)
        plain = await self._encryption.decrypt(reader, unopened) if unopened else []
        by_id |= {event.event_id: _body(one) for event, one in zip(unopened, plain, strict=True)}
        return [by_id.get(event_id, Body()) for _, event_id in messages]

    async def _event(self, reader: str, conversation_id: str, event_id: str) -> EncryptedEvent | None:
        kept = self._recent.find(event_id)
        if kept is not None:
            return kept
        found = await find_event(
            self._database,
            self._matrix,
            user_id=reader,
            conversation_id=conversation_id,
            event_id=event_id,
        )
        return None if found is None else _encrypted(found[1], found[0])


def _encrypted(raw: JsonObject, room_id: str) -> EncryptedEvent | None:
    try:
        event = RoomEvent.model_validate({**raw, "room_id": room_id})
    except ValidationError:
        return None
    if event.type != _ENCRYPTED or "ciphertext" not in event.content:  # redacted
        return None
    return encrypted(event)


def _body(plain: Decrypted | Undecryptable) -> Body:
    if isinstance(plain, Undecryptable):
        return Body()
    told = said(plain)
    return Body(is_message=False) if told is None else Body(text=told.words)
