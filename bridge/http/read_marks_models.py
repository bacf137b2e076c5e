"""What saying that a message was read looks like (see models.py)."""

from typing import Annotated

from pydantic import Field

from bridge.http.fields import EventId, RoomId
from bridge.http.models import AnswerModel, RequestModel


class MessagePath(RequestModel):
    """Which message."""

    message_id: EventId


class MarkRead(RequestModel):
    """In which conversation, for a message that we may not have seen yet."""

    conversation_id: RoomId | None = None


class ReadAnswer(AnswerModel):
    """Up to where the person has read, and what she has not."""

    conversation_id: str
    message_id: str
    unread_count: Annotated[int, Field(ge=0)]
