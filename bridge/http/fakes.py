"""Fakes of the ports: conversations in memory, enough to test the handlers against the same promises."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from appointments.care import CareRelationship
from appointments.errors import NotInCareTeamError
from bridge.attachments.errors import AttachmentUnusableError
from bridge.clock import Now
from bridge.errors import BadCursorError, ConversationNotFoundError, MessageNotFoundError
from bridge.messages.messages import Asked
from bridge.messages_model import ConversationSummary, History, Message, SentMessage


@dataclass
class FakeClinic:
    """What both fakes share. `care` holds pairs (patient, professional); `failure`, if set, is raised."""

    now: Now
    care: set[tuple[str, str]] = field(default_factory=set)
    conversations: dict[str, ConversationSummary] = field(default_factory=dict)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    sent: dict[str, SentMessage] = field(default_factory=dict)
    failure: Exception | None = None
    reconciled: list[tuple[str | None, str | None]] = field(default_factory=list)

    def open(self, *, patient: str, professional: str) -> ConversationSummary:
        """The conversation of these two, made when there is none."""
        for conversation in self.conversations.values():
            if (conversation.patient, conversation.professional) == (patient, professional):
                return conversation
        conversation = ConversationSummary(
            conversation_id=f"!room{len(self.conversations)}",
            patient=patient,
            professional=professional,
            state="active",
            last_message_at=None,
            unread_count=0,
        )
        self.conversations[conversation.conversation_id] = conversation
        self.messages[conversation.conversation_id] = []
        return conversation

    def end(self, conversation_id: str) -> None:
        """End the care behind a conversation."""
        ended = replace(self.conversations[conversation_id], state="ended")
        self.conversations[conversation_id] = ended
        self.care.discard((ended.patient, ended.professional))

    def member_of(self, conversation_id: str, user_id: str) -> ConversationSummary:
        """The conversation, if this person is in it. Raises ConversationNotFoundError."""
        conversation = self.conversations.get(conversation_id)
        if conversation is None or user_id not in (conversation.patient, conversation.professional):
            raise ConversationNotFoundError(conversation_id)
        return conversation


class FakeMessages:
    """bridge.http.ports.Messages over a FakeClinic."""

    def __init__(self, clinic: FakeClinic) -> None:
        self._clinic = clinic

    async def send(
        self,
        *,
        sender: str,
        conversation_id: str | None,
        recipient: str | None,
        body: str,
        reply_to: str | None,
        operation_id: str,
        attachments: Sequence[str] = (),
        asked: Asked | None = None,
    ) -> SentMessage:
        """Append the message to the history, once for each operation."""
        if asked is not None:
            operation_id = await asked.begin()
        if self._clinic.failure is not None:
            raise self._clinic.failure
        if operation_id in self._clinic.sent:
            return self._clinic.sent[operation_id]
        if attachments:
            raise AttachmentUnusableError(0, reason="unknown")
        conversation = self._target(sender, conversation_id, recipient)
        history = self._clinic.messages[conversation.conversation_id]
        if reply_to is not None and all(message.message_id != reply_to for message in history):
            raise MessageNotFoundError(reply_to)
        message = Message(
            message_id=f"$event{len(self._clinic.sent)}",
            conversation_id=conversation.conversation_id,
            sender=sender,
            sender_role="patient" if sender == conversation.patient else "professional",
            type="text",
            body=body,
            reply_to=reply_to,
            edited_at=None,
            redacted=False,
            sent_at=self._clinic.now(),
            status="sent",
        )
        history.append(message)
        sent = SentMessage(
            message_id=message.message_id,
            conversation_id=conversation.conversation_id,
            status="sent",
            sent_at=message.sent_at,
            message_ids=(message.message_id,),
        )
        self._clinic.sent[operation_id] = sent
        return sent

    def _target(self, sender: str, conversation_id: str | None, recipient: str | None) -> ConversationSummary:
        if conversation_id is not None:
            conversation = self._clinic.member_of(conversation_id, sender)
            if conversation.state == "ended":
                raise NotInCareTeamError(conversation_id)
            return conversation
        for patient, professional in self._clinic.care:
            if {patient, professional} == {sender, recipient}:
                return self._clinic.open(patient=patient, professional=professional)
        raise NotInCareTeamError(recipient)

    async def history(self, *, reader: str, conversation_id: str, limit: int, before: str | None) -> History:
        """A page of the history; its cursors are numbers of messages still to come."""
        if self._clinic.failure is not None:
            raise self._clinic.failure
        conversation = self._clinic.member_of(conversation_id, reader)
        stored = self._clinic.messages[conversation_id]
        if before is not None and not before.isdecimal():
            raise BadCursorError(before)
        end = len(stored) if before is None else int(before)
        start = max(0, end - limit)
        return History(
            conversation=conversation,
            messages=tuple(reversed(stored[start:end])),
            next=str(start) if start else None,
        )


class FakeReadMarks:
    """bridge.http.ports.ReadMarks over a FakeClinic."""

    def __init__(self, clinic: FakeClinic) -> None:
        self._clinic = clinic

    async def mark_read(
        self, *, reader: str, message_id: str, conversation_id: str | None
    ) -> ConversationSummary:
        """Nothing is unread afterwards."""
        if self._clinic.failure is not None:
            raise self._clinic.failure
        for room_id, messages in self._clinic.messages.items():
            if conversation_id in (None, room_id) and message_id in {one.message_id for one in messages}:
                return replace(self._clinic.member_of(room_id, reader), unread_count=0)
        raise ConversationNotFoundError(message_id)


class FakeConversations:
    """bridge.http.ports.Conversations over a FakeClinic."""

    def __init__(self, clinic: FakeClinic) -> None:
        self._clinic = clinic

    async def list(self, *, user_id: str) -> list[ConversationSummary]:
        """Every conversation of this person."""
        return [
            conversation
            for conversation in self._clinic.conversations.values()
            if user_id in (conversation.patient, conversation.professional)
        ]

    async def reconcile_due(self, *, patient: str | None = None, professional: str | None = None) -> None:
        """There are no rooms to change; remembers that it was asked."""
        self._clinic.reconciled.append((patient, professional))

    async def is_open(self, care: CareRelationship) -> bool:
        """Whether these two have a conversation."""
        pair = (care.patient, care.professional)
        return any((one.patient, one.professional) == pair for one in self._clinic.conversations.values())

    async def open(self, care: CareRelationship) -> str:
        """The conversation of these two."""
        if self._clinic.failure is not None:
            raise self._clinic.failure
        return self._clinic.open(patient=care.patient, professional=care.professional).conversation_id
