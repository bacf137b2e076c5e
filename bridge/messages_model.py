"""Messages and conversations as callers see them, whatever carries them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MessageType = Literal["text", "file", "image", "audio", "video", "system", "undecryptable"]
MessageStatus = Literal["sent", "delivered", "read"]
SenderRole = Literal["patient", "professional", "representative", "bot"]
ConversationState = Literal["active", "ended"]


@dataclass(frozen=True, slots=True)
class UploadedAttachment:
    """A file that was taken in; `size` in bytes and `sha256` in hexadecimal are the plain file's."""

    attachment_id: str
    name: str
    mime_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a message carries, as its sender describes it; `size` in bytes, `thumbnail` an attachment id."""

    attachment_id: str
    name: str
    mime_type: str
    size: int | None
    width: int | None = None
    height: int | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Who has read a message, and when their receipt said so."""

    user_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AttendedBy:
    """The professional who has taken something on, and when."""

    user_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    `message_id` is the id of the original event, whatever edits came. `body` is None when it was redacted or
    can't be decrypted; in the latter case `reason` says why (`withheld:m.unverified`, `unsigned-device` …).
    `status` only moves forward.
    """

    message_id: str
    conversation_id: str
    sender: str
    sender_role: SenderRole
    type: MessageType
    body: str | None
    reply_to: str | None
    edited_at: datetime | None
    redacted: bool
    sent_at: datetime
    status: MessageStatus
    attachments: tuple[Attachment, ...] = ()
    read_by: tuple[ReadBy, ...] = ()
    attended_by: AttendedBy | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What is known of a message right after it was sent; `status` is always `sent`.

    Several files are several events: `message_ids` has all, `message_id` is the first.
    """

    message_id: str
    conversation_id: str
    status: MessageStatus
    sent_at: datetime
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One conversation (its id is the Matrix room id) as one of its members sees it."""

    conversation_id: str
    patient: str
    professional: str
    state: ConversationState
    last_message_at: datetime | None
    unread_count: int
    attended_by: AttendedBy | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A page of a conversation, newest message first; `next` is the cursor of the page before it in time."""

    conversation: ConversationSummary
    messages: tuple[Message, ...]
    next: str | None
