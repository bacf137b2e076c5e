"""What the Element client answers, parsed."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Login(_Answer):
    """A login; the recovery key opens the account's secret storage for the next one."""

    user_id: str
    device_id: str
    recovery_key: str | None = None


class Room(_Answer):
    """A room as the client has it; `members` are the joined ones, `inviter` is set on an invitation.

    `predecessor` is the room whose place it took, `replacement` the one that took its own; it `is_listed` unless
    it was replaced by a room that the client has.
    """

    room_id: str
    membership: str
    name: str
    encrypted: bool
    inviter: str | None = None
    members: list[str]
    predecessor: str | None = None
    replacement: str | None = None
    is_listed: bool


class Message(_Answer):
    """An event of a room's timeline as a person would see it.

    `body` is the text as edited, None when it can't be read or was redacted; `encrypted` is how it travelled;
    `failure_reason` is the SDK's DecryptionFailureCode. `shield_colour` is NONE, GREY or RED, None for an
    event in clear text or one that was not decrypted.
    """

    event_id: str
    sender: str
    type: str
    origin_server_ts: int
    encrypted: bool
    session_id: str | None = None
    body: str | None = None
    content: dict[str, Any]
    redacted: bool
    edited: bool
    relates_to: dict[str, Any] | None = None
    is_decryption_failure: bool
    failure_reason: str | None = None
    shield_colour: str | None = None
    shield_reason: str | None = None

    @property
    def is_trusted(self) -> bool:
        """It was encrypted, could be decrypted, and no shield warns; never for a reaction or a redacted one."""
        return self.encrypted and not self.is_decryption_failure and self.shield_colour == "NONE"

    @property
    def summary(self) -> str:
        """One line for a test's failure."""
        text = repr(self.body) if self.failure_reason is None else self.failure_reason
        return f"{self.event_id} {self.type} by {self.sender}: {text}, shield {self.shield_reason}"


class Device(_Answer):
    """A device; `verified` means by this client's own user, which nobody does in the tests."""

    device_id: str
    display_name: str | None = None
    signed_by_owner: bool
    verified: bool


class Identity(_Answer):
    """A user's cross-signing identity; `identity_changed`: it is another than at first sight, an alarm."""

    known: bool
    has_identity: bool
    verified: bool
    identity_changed: bool


class Pushed(_Answer):
    """What the client told without being asked: `event` is `message` or `sync`."""

    event: str
    room_id: str | None = None
    message: Message | None = None
    state: str | None = None
