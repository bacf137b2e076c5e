"""Saying that a managed user has read: a public receipt, as her client would send it, and our own row of it."""

from typing import Any

from sqlalchemy import Row, bindparam, select

from bridge.clock import Now
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.messages_model import ConversationSummary
from bridge.rooms.conversations import Conversations
from bridge.rooms.former_rooms import current_room, find_event
from bridge.rooms.summaries import summary_of
from bridge.states.receipts import record_receipt
from bridge.storage.conversations import timeline
from bridge.storage.database import Database

_SEEN = select(timeline.c.room_id, timeline.c.upgraded_room_id).where(
    timeline.c.event_id == bindparam("event_id")
)
_Found = Row[*tuple[Any, ...]]


class ReadMarks:
    """The receipts of managed users."""

    def __init__(
        self, *, database: Database, matrix: MatrixClient, conversations: Conversations, now: Now
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._conversations = conversations
        self._now = now

    async def mark_read(
        self, *, reader: str, message_id: str, conversation_id: str | None
    ) -> ConversationSummary:
        """The reader has read up to this message: the conversation afterwards. May be repeated.

        The message is looked for in `conversation_id`, or where we saw it; what nobody has seen is not found.
        Raises ConversationNotFoundError, HomeserverUnavailableError.
        """
        seen = await self._seen(message_id)
        if conversation_id is None:
            if seen is None:
                raise ConversationNotFoundError
            conversation_id = str(seen.room_id)
        row = await self._conversations.of_room(room_id=conversation_id, member=reader, action="receipt")
        if seen is not None and seen.room_id != row.room_id:
            raise ConversationNotFoundError
        try:
            room_id = await self._room(row, message_id, seen, reader=reader)
            await self._tell(row, room_id, message_id, reader=reader)
        except HomeserverUnreachableError as error:
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error
        now = self._now()
        place = {"room_id": row.room_id, "user_id": reader}
        async with self._database.write() as connection:
            await record_receipt(connection, **place, event_id=message_id, at=now)
            return await summary_of(connection, room_id=row.room_id, reader=reader, now=now)

    async def _seen(self, message_id: str) -> _Found | None:
        async with self._database.read() as connection:
            return (await connection.execute(_SEEN, {"event_id": message_id})).first()

    async def _room(self, row: Row[Any], message_id: str, seen: _Found | None, *, reader: str) -> str:
        """The room that the message is in, also of what was sent a moment ago and has not been pushed to us yet."""
        if seen is not None:
            return str(seen.upgraded_room_id or seen.room_id)
        found = await find_event(
            self._database,
            self._matrix,
            user_id=reader,
            conversation_id=row.room_id,
            event_id=message_id,
        )
        if found is None:
            raise ConversationNotFoundError
        return found[0]

    async def _tell(self, row: Row[Any], room_id: str, message_id: str, *, reader: str) -> None:
        try:
            await self._matrix.send_read_receipt(user_id=reader, room_id=room_id, event_id=message_id)
        except MatrixError as error:
            if error.errcode == "M_FORBIDDEN" and room_id != current_room(row):
                raise ConversationNotFoundError from error  # she came later, and is not in this one
            raise
