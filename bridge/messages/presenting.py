"""A message as callers see it, of what the homeserver keeps and what decryption made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bots.consult import server_of
from bridge.attachments.content import SharedFile
from bridge.attachments.ids import Shared
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.messages.words import edited_words, said
from bridge.messages_model import Attachment, Message, MessageStatus, MessageType, SenderRole
from bridge.states.receipts import ReadStates
from bridge.timeline.history import RawMessage, StoredEvent


@dataclass(frozen=True, slots=True)
class Parties:
    """The two sides of a conversation, and the server whose people receive a message as soon as it is sent.

    `representatives` are or were on the patient's side.
    """

    conversation_id: str
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
        conversation_id=parties.conversation_id,
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
    told = said(raw.plain)
    if told is None:
        return None
    new_words = edited_words(told, raw.edited) if isinstance(raw.edited, Decrypted) else None
    if raw.edit is None or new_words is None:
        return _Shown(told.type, told.words, file=told.file)
    return _Shown(told.type, new_words, edited_at=raw.edit.sent_at, file=told.file)


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


def _reply_to(content: dict[str, Any]) -> str | None:
    relation = content.get("m.relates_to")
    reply = relation.get("m.in_reply_to") if isinstance(relation, dict) else None
    event_id = reply.get("event_id") if isinstance(reply, dict) else None
    return event_id if isinstance(event_id, str) else None
