"""Saying that a message was read."""

from bridge.http.read_marks_models import MarkRead, MessagePath, ReadAnswer
from bridge.http.routing import Answer, Context, json_answer


async def mark_read(context: Context, *, path: MessagePath, body: MarkRead) -> Answer:
    """POST /api/messages/{message_id}/read."""
    conversation = await context.services.read_marks.mark_read(
        reader=context.acting_for, message_id=path.message_id, conversation_id=body.conversation_id
    )
    return json_answer(
        ReadAnswer(
            conversation_id=conversation.conversation_id,
            message_id=path.message_id,
            unread_count=conversation.unread_count,
        )
    )
