"""What requests and answers look like; the OpenAPI document is made from these models."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from appointments.representation import SCOPES, Scope
from bots.i18n import Language
from bridge.http.fields import (
    AttachmentId,
    Caption,
    Count,
    EventId,
    InstantIn,
    InstantOut,
    Reason,
    Role,
    RoomId,
    UserId,
)
from bridge.messages_model import ConversationState, MessageStatus, MessageType, SenderRole

MOST_ATTACHMENTS = 10


class RequestModel(BaseModel):
    """Something a caller says: nothing more than what is named, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AnswerModel(BaseModel):
    """Something we say, read from the attributes of what a service returns; every field is always there."""

    model_config = ConfigDict(
        extra="forbid", from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True
    )


def _one_target(schema: dict[str, Any]) -> None:
    names = ("conversation_id", "recipient")
    schema["oneOf"] = [
        {
            "required": [given],
            "properties": {given: {"type": "string"}, left_out: {"type": "null"}},
        }
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
    attachments: Annotated[list[AttachmentId], Field(max_length=MOST_ATTACHMENTS)] = []
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


class CarePath(RequestModel):
    """Whose care relationship."""

    patient: UserId
    professional: UserId


class PutCare(RequestModel):
    """A care relationship in [from, until); `until` null is open, `from` left out is now."""

    role: Role
    starts: InstantIn | None = Field(default=None, alias="from")
    ends: InstantIn | None = Field(default=None, alias="until")
    reason: Reason | None = None


class CareQuery(RequestModel):
    """Whose care relationships: a patient's, a professional's, or those of the two."""

    patient: UserId | None = None
    professional: UserId | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.patient is None and self.professional is None:
            raise PydanticCustomError("one-person", "needs patient or professional")
        return self


class RepresentationPath(RequestModel):
    """Whose representation."""

    patient: UserId
    representative: UserId


class PutRepresentation(RequestModel):
    """A representation in [from, until); `until` null is open, `from` left out is now."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    starts: InstantIn | None = Field(default=None, alias="from")
    ends: InstantIn | None = Field(default=None, alias="until")
    reason: Reason | None = None


class PageQuery(RequestModel):
    """How a page is shown."""

    lang: Language | None = None


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


class CareAnswer(AnswerModel):
    """A care relationship in [from, until)."""

    patient: str
    professional: str
    role: str
    starts: InstantOut = Field(serialization_alias="from")
    ends: InstantOut | None = Field(serialization_alias="until")


class CareListAnswer(AnswerModel):
    """Care relationships, by patient and professional."""

    care: list[CareAnswer]


class RepresentationAnswer(AnswerModel):
    """A representation in [from, until)."""

    patient: str
    representative: str
    scopes: Annotated[list[Scope], BeforeValidator(sorted)]
    starts: InstantOut = Field(serialization_alias="from")
    ends: InstantOut | None = Field(serialization_alias="until")


class LiveAnswer(AnswerModel):
    """The process works."""

    status: Literal["ok"]


class ReadyAnswer(AnswerModel):
    """What the process depends on, each by its name."""

    status: Literal["ok", "failed"]
    checks: dict[str, Literal["ok", "failed"]]


class FieldErrorDocument(BaseModel):
    """One thing to mend: `pointer` into the body (RFC 6901, as a URI fragment), or the name of a parameter."""

    model_config = ConfigDict(extra="forbid")

    detail: str
    pointer: str = Field(default="")
    parameter: str = Field(default="")


class SlotDocument(BaseModel):
    """A time that could be booked instead."""

    model_config = ConfigDict(extra="forbid")

    start: InstantOut
    end: InstantOut
    visit_type: str


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern="^/problems/[a-z-]+$", json_schema_extra={"format": "uri-reference"})]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[FieldErrorDocument] = Field(default=[])
    slots: list[SlotDocument] = Field(default=[], description="The next times that are free instead.")
    conflicts: list[InstantOut] = Field(default=[], description="What of a series can't be booked.")
