"""What the HTTP handlers need from the rest of the bridge, and a fake of it beside (fakes.py)."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp.web import AbstractRouteDef
from prometheus_client import CollectorRegistry

from appointments.care import CareRelationship
from appointments.sealing import Sealer
from bridge.attachments.downloading import Download
from bridge.attachments.receiving import Received
from bridge.callers.idempotency import Running
from bridge.clock import Now
from bridge.http.limits import LoginLimits, RequestLimits
from bridge.live.streams import Streams
from bridge.messages.messages import Asked
from bridge.messages_model import ConversationSummary, History, SentMessage, UploadedAttachment
from bridge.oidc.verifier import Oidc
from bridge.openid.verifier import OpenId
from bridge.settings import Settings
from bridge.storage.database import Database


class Messages(Protocol):
    """Sends and reads messages as managed users."""

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
        """Send a message to one of `conversation_id` and `recipient` (exactly one is given).

        With attachments: one event each, `body` is the caption of the first, and may be empty.

        Idempotent by `operation_id`: a second call, in another process even, gives the first one's message. `asked`
        is claimed with the message, or before, and then says the operation id.
        Raises NotInCareTeamError, ConversationNotFoundError, MessageNotFoundError (`reply_to`),
        AttachmentUnusableError, HomeserverUnavailableError.
        """

    async def history(self, *, reader: str, conversation_id: str, limit: int, before: str | None) -> History:
        """A page of at most `limit` messages, newest first, older than the cursor `before`.

        Raises ConversationNotFoundError, BadCursorError, HomeserverUnavailableError.
        """


class ReadMarks(Protocol):
    """Says that managed users have read."""

    async def mark_read(
        self, *, reader: str, message_id: str, conversation_id: str | None
    ) -> ConversationSummary:
        """The reader has read up to this message: the conversation afterwards. May be repeated.

        Raises ConversationNotFoundError, HomeserverUnavailableError.
        """


class Conversations(Protocol):
    """Knows which conversations there are."""

    async def reconcile_due(self, *, patient: str | None = None, professional: str | None = None) -> None:
        """Show in the rooms what changed in care or representation; what fails now is made up for later."""

    async def list(self, *, user_id: str) -> list[ConversationSummary]:
        """Every conversation of this person, the one with the newest message first."""

    async def is_open(self, care: CareRelationship) -> bool:
        """Whether there is a conversation of these two already."""

    async def open(self, care: CareRelationship) -> str:
        """The conversation of these two, who are in care, made if there is none.

        Raises HomeserverUnavailableError.
        """


class Uploads(Protocol):
    """Takes files in that managed users are about to send."""

    async def admit(self, *, owner: str, conversation_id: str) -> None:
        """Raises ConversationNotFoundError, NotInCareTeamError, IdentityChangedError unless they may send there."""

    def received(
        self,
        pieces: AsyncIterable[bytes],
        *,
        owner: str,
        name: str,
        declared: str | None,
        expected_bytes: int | None,
    ) -> AbstractAsyncContextManager[Received]:
        """The file that these pieces are, for the length of the block.

        `expected_bytes` is for an owner who was admitted: as many as the file has if nothing speaks against it.
        Raises EmptyFileError, TypeNotAllowedError, TypeMismatchError, TooLargeError, TooLargeToScanError,
        InfectedError, ScannerUnavailableError, TooManyAttemptsError.
        """

    async def keep(
        self, received: Received, *, owner: str, conversation_id: str, operation_id: str
    ) -> UploadedAttachment:
        """Keep a file that was admitted. Idempotent by `operation_id`. Raises HomeserverUnavailableError."""


class Downloads(Protocol):
    """Opens attachments for those who may read them."""

    def opened(self, *, reader: str, attachment_id: str) -> AbstractAsyncContextManager[Download]:
        """The file, for the length of the block.

        Raises AttachmentNotFoundError, ConversationNotFoundError, HomeserverUnavailableError, TooManyAttemptsError.
        """


Check = Callable[[], Awaitable[bool]]
"""Whether something we depend on answers now. It should not raise; if it does, the answer is no."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a handler may use. `instance_id` is new with each start of the process, `running` what it is at.

    `checks` are what /health/ready asks, by name (`database`, `homeserver`); `registry` is what /metrics
    shows; `appservice_routes` are served by the same application, without our API's limits and errors.
    """

    database: Database
    messages: Messages
    read_marks: ReadMarks
    live: Streams
    conversations: Conversations
    uploads: Uploads
    downloads: Downloads
    settings: Settings
    sealer: Sealer
    openid: OpenId
    logins: LoginLimits
    requests: RequestLimits
    now: Now
    instance_id: str
    running: Running = field(default_factory=Running)
    oidc: Oidc | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    appservice_routes: Sequence[AbstractRouteDef] = ()
