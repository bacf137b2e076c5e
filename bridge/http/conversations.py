"""The conversations of a person: found and opened, never read (bridge/http/messages.py does that)."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from appointments.access import require_speaker
from appointments.care import CareRelationship
from appointments.errors import AmbiguousPatientError
from bridge.http.fields import UserId
from bridge.http.message_models import ConversationAnswer, ConversationsAnswer
from bridge.http.routing import Answer, Context, json_answer
from bridge.http.session_models import OpenConversation, OpenedConversationAnswer

_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


async def list_conversations(context: Context) -> Answer:
    """GET /api/conversations."""
    summaries = await context.services.conversations.list(user_id=context.acting_for)
    return json_answer(
        ConversationsAnswer(conversations=[ConversationAnswer.model_validate(item) for item in summaries])
    )


async def open_conversation(context: Context, *, body: OpenConversation) -> Answer:
    """POST /api/conversations: 201 for a new one, 200 for one that was there."""
    conversations = context.services.conversations
    care = await _care(context, other=body.other, on_behalf_of=body.on_behalf_of)
    was_there = await conversations.is_open(care)
    opened = OpenedConversationAnswer(conversation_id=await conversations.open(care))
    return json_answer(opened, status=200 if was_there else 201)


async def refuse_open(context: Context, raw: Mapping[str, Any]) -> None:
    """What comes before validation: 403 for somebody without care."""
    body = raw["body"] if isinstance(raw["body"], dict) else {}
    try:
        other = _USER_ID.validate_python(body.get("with"), strict=True)
    except ValidationError:
        return
    try:
        await _care(context, other=other, on_behalf_of=None)
    except AmbiguousPatientError:
        return


async def _care(context: Context, *, other: str, on_behalf_of: str | None) -> CareRelationship:
    services = context.services
    async with services.database.read() as connection:
        return await require_speaker(
            connection,
            sender=context.acting_for,
            other=other,
            on_behalf_of=on_behalf_of,
            now=services.now(),
        )
