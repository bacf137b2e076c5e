"""Saying that a managed user has read: a public receipt, as her client would send it, and our own row of it."""

from sqlalchemy import bindparam, select

from bridge.clock import Now
from bridge.conversations import Conversations
from bridge.database import Database
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.messages_model import ConversationSummary
from bridge.receipts import record_receipt
from bridge.storage.conversations import timeline
from bridge.summaries import summary_of

_ROOM_OF = select(timeline.c.room_id).where(timeline.c.event_id == bindparam("event_id"))


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
        room_id = await self._room(message_id, conversation_id)
        await self._conversations.of_room(room_id=room_id, member=reader, action="receipt")
        try:
            if not await self._is_there(reader, room_id, message_id):
                raise ConversationNotFoundError
            await self._matrix.send_read_receipt(user_id=reader, room_id=room_id, event_id=message_id)
        except HomeserverUnreachableError as error:
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or 5.0) from error
        now = self._now()
        async with self._database.write() as connection:
            await record_receipt(connection, room_id=room_id, user_id=reader, event_id=message_id, at=now)
            return await summary_of(connection, room_id=room_id, reader=reader, now=now)

    async def _room(self, message_id: str, conversation_id: str | None) -> str:
        async with self._database.read() as connection:
            seen_in = (await connection.execute(_ROOM_OF, {"event_id": message_id})).scalar_one_or_none()
        room_id: str | None = seen_in if conversation_id is None else conversation_id
        if room_id is None or seen_in not in (None, room_id):
            raise ConversationNotFoundError
        return room_id

    async def _is_there(self, reader: str, room_id: str, message_id: str) -> bool:
        """Also for what was sent a moment ago and has not been pushed to us yet."""
        async with self._database.read() as connection:
            if (await connection.execute(_ROOM_OF, {"event_id": message_id})).first() is not None:
                return True
        try:
            return await self._matrix.event(user_id=reader, room_id=room_id, event_id=message_id) is not None
        except MatrixError as error:
            if error.is_temporary:
                raise
            return False
