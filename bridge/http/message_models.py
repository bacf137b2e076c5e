"""Messages and conversations: what requests and answers look like."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bridge.http.fields import AttachmentId, Caption, Count, EventId, InstantOut, RoomId, UserId
from bridge.http.models import AnswerModel, RequestModel
from bridge.messages_model import ConversationState, MessageStatus, MessageType, SenderRole

MOST_ATTACHMENTS = 10


def _one_target(schema: dict[str, Any]) -> None:
    names = ("conversation_id", "recipient")
    schema["oneOf"] = [
        {"required": [given], "properties": {given: {"type": "string"}, left_out: {"type": "null"}}}
        for given, left_out in (names, names[::-1])
    ]


def _message_schema(schema: dict[str, Any]) -> None:
    _one_target(schema)
    schema["anyOf"] = [
        {"required": ["body"], "properties": {"body": {"type": "string", "minLength": 1}}},
        {"required": ["attachments"], "properties": {"attachments": {"type": "array", "minItems": 1}}},
    ]


class SendMessage(RequestModel):
    """A message to a conversation, or to a recipient: exactly one of the two; a text, or files with a caption."""

    model_config = ConfigDict(json_schema_extra=_message_schema)

    conversation_id: RoomId | None = None
    recipient: UserId | None = None
    attachments: list[AttachmentId] = Field(default=[], max_length=MOST_ATTACHMENTS)
    body: Annotated[Caption, Field(validate_default=True)] = ""
    reply_to: EventId | None = None

    @field_validator("body")
    @classmethod
    def _says_something(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("attachments") == []:
            raise PydanticCustomError("blank", "is blank")
        return value

    @model_validator(mode="after")
    def _has_one_target(self) -> Self:
        if (self.conversation_id is None) == (self.recipient is None):
            raise PydanticCustomError("one-target", "needs one of conversation_id and recipient")
        return self


class ConversationPath(RequestModel):
    """Which conversation."""

    conversation_id: RoomId


class HistoryQuery(RequestModel):
    """Which page of a conversation."""

    limit: Annotated[Count, Field(ge=1, le=100)] = 50
    before: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[!-~]+$")] | None = None


class SentMessageAnswer(AnswerModel):
    """What is known of a message right after it was sent. `message_ids` is there when files made it several."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    message_id: str
    conversation_id: str
    status: MessageStatus
    sent_at: InstantOut
    message_ids: list[str] = Field(default=[], exclude_if=lambda ids: len(ids) < 2)  # noqa: PLR2004


class ConversationAnswer(AnswerModel):
    """A conversation as one of its members sees it."""

    conversation_id: str
    patient: str
    professional: str
    state: ConversationState
    last_message_at: InstantOut | None
    unread_count: Annotated[int, Field(ge=0)]
    attended_by: "AttendedByAnswer | None"


class ConversationsAnswer(AnswerModel):
    """Every conversation of a person."""

    conversations: list[ConversationAnswer]


class AttachmentAnswer(AnswerModel):
    """A file of a message, as its sender describes it; `size` in bytes, `thumbnail` the id of a small version."""

    attachment_id: str
    name: str
    mime_type: str
    size: Annotated[int, Field(ge=0)] | None
    width: Annotated[int, Field(ge=0)] | None
    height: Annotated[int, Field(ge=0)] | None
    thumbnail: str | None


class ReadByAnswer(AnswerModel):
    """Who has read a message, and when."""

    user_id: str
    at: InstantOut


class AttendedByAnswer(AnswerModel):
    """The professional who has taken something on, and when."""

    user_id: str
    at: InstantOut


class MessageAnswer(AnswerModel):
    """A message; `body` is null when it was redacted or can't be decrypted (`reason` then says why)."""

    message_id: str
    conversation_id: str
    sender: str
    sender_role: SenderRole
    type: MessageType
    body: str | None
    attachments: list[AttachmentAnswer]
    reply_to: str | None
    edited_at: InstantOut | None
    redacted: bool
    sent_at: InstantOut
    status: MessageStatus
    read_by: list[ReadByAnswer]
    attended_by: AttendedByAnswer | None
    reason: str | None


class HistoryAnswer(AnswerModel):
    """A page of a conversation, newest message first; `next` is the `before` of the page after this."""

    conversation: ConversationAnswer
    messages: list[MessageAnswer]
    next: str | None
