"""The conversations of a managed user."""

from bridge.http.models import ConversationAnswer, ConversationsAnswer
from bridge.http.routing import Answer, Context, json_answer


async def list_conversations(context: Context) -> Answer:
    """GET /api/conversations."""
    summaries = await context.services.conversations.list(user_id=context.acting_for)
    return json_answer(
        ConversationsAnswer(conversations=[ConversationAnswer.model_validate(item) for item in summaries])
    )
