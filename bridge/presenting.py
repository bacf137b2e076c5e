"""A message as callers see it, of what the homeserver keeps and what decryption made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bots.consult import server_of
from bridge.attachments.content import MESSAGE_TYPES, SharedFile, shared_file
from bridge.attachments.ids import Shared
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.history import RawMessage, StoredEvent
from bridge.messages_model import Attachment, Message, MessageStatus, MessageType, SenderRole
from bridge.receipts import ReadStates

_TYPES: Mapping[str, MessageType] = {
    "m.text": "text",
    "m.notice": "text",
    "m.emote": "text",
    "m.file": "file",
    "m.image": "image",
    "m.audio": "audio",
    "m.video": "video",
}


@dataclass(frozen=True, slots=True)
class Parties:
    """The two sides of a conversation, and the server whose people receive a message as soon as it is sent.

    `representatives` are or were on the patient's side.
    """

    patient: str
    professional: str
    portal_server: str
    representatives: frozenset[str] = frozenset()

    def role_of(self, user_id: str) -> SenderRole:
        """What this person is in the conversation."""
        if user_id == self.patient:
            return "patient"
        if user_id == self.professional:
            return "professional"
        return "representative" if user_id in self.representatives else "bot"

    def recipients(self, sender: str) -> frozenset[str]:
        """Who receives the sender's messages, those on her own side too; bots are no recipients."""
        return frozenset({self.patient, self.professional} | self.representatives) - {sender}

    def all_local(self, people: Iterable[str]) -> bool:
        """Whether these people all live on the portal's server."""
        return all(server_of(person) == self.portal_server for person in people)


def present(
    raw: RawMessage, *, parties: Parties, read: ReadStates, uploads: Mapping[str, str] = MappingProxyType({})
) -> Message | None:
    """The message as callers see it; None for what is no message (a call's signalling, a verification).

    `uploads`: the ids of files that were uploaded through our API, by event id.
    """
    event = raw.event
    shown = _shown(raw)
    if shown is None or (raw.plain is None and not read.is_message(event.event_id)):
        return None
    recipients = parties.recipients(event.sender)
    read_by = read.read_by(event.event_id, people=recipients)
    known = read.status(event.event_id)
    at_once: MessageStatus = "delivered" if parties.all_local(recipients) else "sent"
    return Message(
        message_id=event.event_id,
        conversation_id=event.room_id,
        sender=event.sender,
        sender_role=parties.role_of(event.sender),
        type=shown.type,
        body=shown.body,
        reply_to=_reply_to(event.content),
        edited_at=shown.edited_at,
        redacted=raw.plain is None,
        sent_at=event.sent_at,
        status=at_once if known == "sent" else known,
        read_by=read_by,
        attended_by=None if event.sender == parties.professional else read.attended_by(event.event_id),
        reason=shown.reason,
        attachments=_attachments(event, shown.file, uploads),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    type: MessageType
    body: str | None = None
    edited_at: datetime | None = None
    reason: str | None = None
    file: SharedFile | None = None


def _shown(raw: RawMessage) -> _Shown | None:
    if raw.plain is None:  # redacted: nothing is left to decrypt
        return _Shown("text")
    if isinstance(raw.plain, Undecryptable):
        return _Shown("undecryptable", reason=raw.plain.reason)
    message_type = _TYPES.get(str(raw.plain.content.get("msgtype")))
    body = raw.plain.content.get("body")
    if raw.plain.event_type != "m.room.message" or message_type is None or not isinstance(body, str):
        return None
    if raw.plain.content["msgtype"] in MESSAGE_TYPES:
        file = shared_file(raw.plain.content)
        return _Shown(message_type, body if file is None else file.caption, file=file)
    new_body = _new_body(raw.edited)
    if raw.edit is not None and new_body is not None:
        return _Shown(message_type, new_body, edited_at=raw.edit.sent_at)
    return _Shown(message_type, body)


def _attachments(
    event: StoredEvent, file: SharedFile | None, uploads: Mapping[str, str]
) -> tuple[Attachment, ...]:
    if file is None:
        return ()
    place = Shared(event.room_id, event.event_id)
    return (
        Attachment(
            attachment_id=uploads.get(event.event_id, place.id),
            name=file.name,
            mime_type=file.mime_type,
            size=file.size,
            width=file.width,
            height=file.height,
            thumbnail=None if file.thumbnail is None else replace(place, kind="thumbnail").id,
        ),
    )


def _new_body(edited: Decrypted | Undecryptable | None) -> str | None:
    if not isinstance(edited, Decrypted) or edited.event_type != "m.room.message":
        return None
    content = edited.content.get("m.new_content")
    body = content.get("body") if isinstance(content, dict) else None
    return body if isinstance(body, str) else None


def _reply_to(content: dict[str, Any]) -> str | None:
    relation = content.get("m.relates_to")
    reply = relation.get("m.in_reply_to") if isinstance(relation, dict) else None
    event_id = reply.get("event_id") if isinstance(reply, dict) else None
    return event_id if isinstance(event_id, str) else None
