"""What goes in and out of the encryption machine."""

from dataclasses import dataclass

from bridge.matrix.json import JsonObject

OLM = "m.olm.v1.curve25519-aes-sha2"
MEGOLM = "m.megolm.v1.aes-sha2"


@dataclass(frozen=True)
class Device:
    """A device that the bridge holds for one of its users."""

    user_id: str
    device_id: str


@dataclass(frozen=True)
class Rotation:
    """When a Megolm session ends: `rotation_period_msgs` and `rotation_period_ms` of `m.room.encryption`."""

    period_msgs: int
    period_ms: int


@dataclass(frozen=True)
class Encrypted:
    """The content of an `m.room.encrypted` event, and which ratchet step made it."""

    content: JsonObject
    session_id: str
    message_index: int
    device_id: str


@dataclass(frozen=True)
class EncryptedEvent:
    """An `m.room.encrypted` room event as the homeserver gave it; nothing in it is believed.

    `origin_server_ts` (ms) orders events that are read together; without it their list is newest first.
    """

    event_id: str
    room_id: str
    sender: str
    content: JsonObject
    origin_server_ts: int = 0


@dataclass(frozen=True)
class Decrypted:
    """What was inside."""

    event_type: str
    content: JsonObject


@dataclass(frozen=True)
class Undecryptable:
    """Why an event can't be shown.

    `reason` is one of: `malformed`, `unsupported-algorithm`, `unknown-session`, `withheld:CODE`,
    `unknown-index` (sent before we were given the key), `unknown-device`, `unsigned-device`,
    `wrong-sender`, `wrong-room`, `replayed`, `broken`.
    """

    reason: str
