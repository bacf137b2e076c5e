"""Sending and reading messages as a managed user."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeGuard

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import require_speaker
from appointments.errors import AmbiguousPatientError, NotInCareTeamError
from bridge.callers import idempotency
from bridge.errors import ConversationNotFoundError
from bridge.http.fields import RoomId, UserId
from bridge.http.message_models import (
    ConversationPath,
    HistoryAnswer,
    HistoryQuery,
    SendMessage,
    SentMessageAnswer,
)
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.routing import Answer, Context, json_answer
from bridge.messages_model import SentMessage

_ROOM_ID: TypeAdapter[str] = TypeAdapter(RoomId)
_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


async def send_message(context: Context, *, body: SendMessage) -> Answer:
    """POST /api/messages/send."""
    try:
        sent = await context.services.messages.send(
            sender=context.acting_for,
            conversation_id=body.conversation_id,
            recipient=body.recipient,
            body=body.body,
            reply_to=body.reply_to,
            attachments=body.attachments,
            operation_id=context.operation_id,
            asked=None if context.claim is None else AskedMessage(context.claim),
        )
    except AmbiguousPatientError as error:
        wrong = FieldError("pointer", "#/recipient", "recipient-ambiguous")
        raise ProblemError(Problem.VALIDATION, errors=[wrong]) from error
    return _sent_answer(sent)


class AskedMessage:
    """bridge.messages.messages.Asked of a claim: its answer says which event the message is."""

    def __init__(self, claim: idempotency.Claim) -> None:
        self._claim = claim

    async def begin(self) -> str:
        """See bridge.messages.messages."""
        return await self._claim.begin()

    async def take_in(self, connection: AsyncConnection) -> bool:
        """See bridge.messages.encrypting."""
        return await self._claim.begin_within(connection)

    async def sent(
        self, connection: AsyncConnection, *, event_id: str, room_id: str, sent_at: datetime
    ) -> None:
        """See bridge.messages.encrypting."""
        sent = SentMessage(
            message_id=event_id,
            conversation_id=room_id,
            status="sent",
            sent_at=sent_at,
            message_ids=(event_id,),
        )
        answer = _sent_answer(sent)
        kept = idempotency.Answer(status=answer.status, body=answer.body)
        await self._claim.finish_within(connection, kept)


def _sent_answer(sent: SentMessage) -> Answer:
    return json_answer(SentMessageAnswer.model_validate(sent), status=201)


async def read_conversation(context: Context, *, path: ConversationPath, query: HistoryQuery) -> Answer:
    """GET /api/messages/conversation/{conversation_id}."""
    history = await context.services.messages.history(
        reader=context.acting_for,
        conversation_id=path.conversation_id,
        limit=query.limit,
        before=query.before,
    )
    return json_answer(HistoryAnswer.model_validate(history))


async def refuse_send(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 404 for the conversation, 403 for a recipient or conversation without care."""
    body = raw["body"] if isinstance(raw["body"], dict) else {}
    conversation_id, recipient = body.get("conversation_id"), body.get("recipient")
    if _is(conversation_id, _ROOM_ID):
        if await _state_of(context, conversation_id) == "ended":
            raise NotInCareTeamError
    elif _is(recipient, _USER_ID):
        services = context.services
        with suppress(AmbiguousPatientError):
            async with services.database.read() as connection:
                await require_speaker(
                    connection, sender=context.acting_for, other=recipient, now=services.now()
                )


async def refuse_read(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 404 for the conversation."""
    await _state_of(context, raw["path"]["conversation_id"])


async def _state_of(context: Context, conversation_id: str) -> str:
    for conversation in await context.services.conversations.list(user_id=context.acting_for):
        if conversation.conversation_id == conversation_id:
            return conversation.state
    raise ConversationNotFoundError


def _is(value: Any, kind: TypeAdapter[str]) -> TypeGuard[str]:
    try:
        kind.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
