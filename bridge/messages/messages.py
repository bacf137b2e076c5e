"""Sending and reading messages as managed users: permission first, then the room, the keys, the message."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Row, bindparam, select

from appointments.access import require_speaker
from appointments.sealing import Sealer
from bridge.attachments.sending import claimed_contents, send_ids
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.errors import HomeserverUnavailableError, MessageNotFoundError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject
from bridge.messages.encrypting import Beside, NewMessage
from bridge.messages.history_pages import HistoryPages
from bridge.messages.outbox import Outbox
from bridge.messages.presenting import present
from bridge.messages.sending import Sent
from bridge.messages.surroundings import Surroundings, states_of, surroundings_of
from bridge.messages.together import together
from bridge.messages_model import History, SentMessage
from bridge.rooms.conversations import Conversations
from bridge.rooms.former_rooms import find_event
from bridge.rooms.speaking import require_known_identities
from bridge.storage.conversations import timeline
from bridge.storage.database import Database
from bridge.timeline.recent import RecentEvents

_EVENT = select(timeline.c.seq).where(
    timeline.c.event_id == bindparam("event_id"), timeline.c.room_id == bindparam("room_id")
)


class Asked(Beside, Protocol):
    """The request for a message, which is claimed with the message or before."""

    async def begin(self) -> str:
        """Claim it before: the operation id. Raises what stands against doing it."""


class Messages:
    """The messages of managed users."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        conversations: Conversations,
        outbox: Outbox,
        recent: RecentEvents,
        sealer: Sealer,
        portal_server: str,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._pages = HistoryPages(matrix=matrix, encryption=encryption, recent=recent)
        self._conversations = conversations
        self._outbox = outbox
        self._sealer = sealer
        self._portal_server = portal_server
        self._now = now

    async def send(
        self,
        *,
        sender: str,
        conversation_id: str | None,
        recipient: str | None,
        body: str,
        reply_to: str | None,
        operation_id: str,
        attachments: Sequence[str] = (),
        asked: Asked | None = None,
    ) -> SentMessage:
        """Send a message to one of `conversation_id` and `recipient`.

        With attachments there is one event for each; `body` is the caption of the first.

        Idempotent by `operation_id`: called again, after a crash even, it gives the first call's message. `asked`
        may know another one, of a call before.
        Raises NotInCareTeamError, AmbiguousPatientError, ConversationNotFoundError, MessageNotFoundError
        (`reply_to`), AttachmentUnusableError, IdentityChangedError, HomeserverUnavailableError (the message is
        kept and goes out later), MessageRefusedError.
        """
        if conversation_id is not None and reply_to is None and not attachments:
            content: JsonObject = {"msgtype": "m.text", "body": body}
            message = NewMessage(
                send_id=operation_id,
                room_id=conversation_id,
                sender=sender,
                event_type="m.room.message",
                content=content,
                beside=asked,
            )
            at_once = await self._outbox.send(message)
            if at_once is not None:
                return _sent_message([at_once])
        if asked is not None:
            operation_id = await asked.begin()
        ids = send_ids(operation_id, files=len(attachments))
        known = await self._outbox.find(operation_id)
        if known is not None:
            room_id = known.room_id
            await self._conversations.of_room(room_id=room_id, member=sender, action="send")
        else:
            room_id = await self._room(sender=sender, conversation_id=conversation_id, recipient=recipient)
            if reply_to is not None:
                await self._check_message(room_id, reply_to, reader=sender)
            await self._accept(
                ids,
                room_id=room_id,
                sender=sender,
                body=body,
                attachments=attachments,
                reply_to=reply_to,
            )
        sent = [await self._outbox.deliver(send_id=send_id, room_id=room_id) for send_id in ids]
        return _sent_message(sent)

    async def history(self, *, reader: str, conversation_id: str, limit: int, before: str | None) -> History:
        """A page of at most `limit` messages, newest first, older than the cursor `before`.

        Raises ConversationNotFoundError, BadCursorError, HomeserverUnavailableError.
        """
        row = await self._conversations.of_room(room_id=conversation_id, member=reader)
        await self._conversations.make_current(row)
        rooms = await self._conversations.rooms(row)
        newest = self._pages.expected(reader=reader, room_id=rooms[0], limit=limit)
        reading = self._pages.read(reader=reader, rooms=rooms, limit=limit, before=before)
        around_it = self._around(row, reader=reader, event_ids=newest if before is None else [])
        try:
            # The homeserver takes longer than we do: what does not depend on its answer is read meanwhile.
            page, around = await together(reading, around_it)
        except (HomeserverUnreachableError, MatrixError) as error:
            raise HomeserverUnavailableError from error
        states, event_ids = around.states, [one.event.event_id for one in page.messages]
        if not states.event_ids.issuperset(event_ids):
            async with self._database.read() as connection:
                states = await states_of(connection, row.room_id, event_ids)
        shown = (
            present(one, parties=around.parties, read=states.read, uploads=states.uploads)
            for one in page.messages
        )
        return History(
            conversation=around.summary,
            messages=tuple(message for message in shown if message is not None),
            next=page.next,
        )

    async def _around(self, row: Row[Any], *, reader: str, event_ids: Sequence[str]) -> Surroundings:
        await asyncio.sleep(0)  # the question to the homeserver goes first
        async with self._database.read() as connection:
            return await surroundings_of(
                connection,
                row,
                reader=reader,
                portal_server=self._portal_server,
                event_ids=event_ids,
                now=self._now(),
            )

    async def _room(self, *, sender: str, conversation_id: str | None, recipient: str | None) -> str:
        if conversation_id is not None:
            row = await self._conversations.of_room(room_id=conversation_id, member=sender, action="send")
            await self._conversations.make_current(row)
            await self._check_identities(sender, patient=row.patient, professional=row.professional)
            return str(row.room_id)
        if recipient is None:
            raise ValueError("a message needs a conversation or a recipient")
        async with self._database.read() as connection:
            care = await require_speaker(connection, sender=sender, other=recipient, now=self._now())
        room_id = await self._conversations.open(care)
        await self._check_identities(sender, patient=care.patient, professional=care.professional)
        return room_id

    async def _check_identities(self, sender: str, *, patient: str, professional: str) -> None:
        async with self._database.read() as connection:
            await require_known_identities(
                connection, patient=patient, professional=professional, sender=sender
            )

    async def _accept(
        self,
        ids: Sequence[str],
        *,
        room_id: str,
        sender: str,
        body: str,
        attachments: Sequence[str],
        reply_to: str | None,
    ) -> None:
        async with self._database.write() as connection:  # an answer that it is kept may be all that follows
            contents: list[JsonObject] = [{"msgtype": "m.text", "body": body}]
            if attachments:
                contents = await claimed_contents(
                    connection,
                    sealer=self._sealer,
                    attachments=attachments,
                    conversation_id=room_id,
                    owner=sender,
                    caption=body,
                    ids=ids,
                )
            if reply_to is not None:
                contents[0] |= {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}}
            for send_id, content in zip(ids, contents, strict=True):
                await self._outbox.accept(
                    connection,
                    send_id=send_id,
                    room_id=room_id,
                    sender=sender,
                    event_type="m.room.message",
                    content=content,
                )

    async def _check_message(self, room_id: str, event_id: str, *, reader: str) -> None:
        """Raises MessageNotFoundError unless the event is in the room; HomeserverUnavailableError."""
        async with self._database.read() as connection:
            place = {"event_id": event_id, "room_id": room_id}
            is_known = (await connection.execute(_EVENT, place)).first() is not None
        if not is_known and not await self._has_event(room_id, event_id, reader):
            raise MessageNotFoundError

    async def _has_event(self, room_id: str, event_id: str, reader: str) -> bool:
        # What was sent a moment ago may not have been pushed to us yet.
        try:
            found = await find_event(
                self._database, self._matrix, user_id=reader, conversation_id=room_id, event_id=event_id
            )
        except (HomeserverUnreachableError, MatrixError) as error:
            raise HomeserverUnavailableError from error
        return found is not None


def _sent_message(sent: Sequence[Sent]) -> SentMessage:
    return SentMessage(
        message_id=sent[0].event_id,
        conversation_id=sent[0].room_id,
        status="sent",
        sent_at=sent[0].sent_at,
        message_ids=tuple(one.event_id for one in sent),
    )
