"""What we accept from a homeserver, item by item. All of it is untrusted: senders are people anywhere.

Identifiers hold no control characters and at most 255 characters (Matrix specification, appendix 4), so
they may go into text columns and logs. Unknown keys are ignored.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from bridge.matrix.json import JsonObject

_T = TypeVar("_T")
_LATEST_MS = 253_402_300_799_000  # the last second that a datetime can hold
_ID_CHARACTERS = r"[^\x00-\x20\x7f]"

# Old users' localparts may hold anything but a colon.
UserId = Annotated[
    str, StringConstraints(max_length=255, pattern=rf"^@[^:\x00-\x1f\x7f]*:{_ID_CHARACTERS}+$")
]
RoomId = Annotated[str, StringConstraints(max_length=255, pattern=rf"^!{_ID_CHARACTERS}+$")]
EventId = Annotated[str, StringConstraints(max_length=255, pattern=rf"^\${_ID_CHARACTERS}+$")]
DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=rf"^{_ID_CHARACTERS}+$")]
EventType = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
StateKey = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]
Milliseconds = Annotated[int, Field(strict=True, ge=0, lt=2**53)]


class _Accepted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RoomEvent(_Accepted):
    """An event of a room (client-server API, section 7.3). `content` is whatever its sender wrote.

    `is_late` is not the homeserver's word: what followed this event may be there already (bridge/inbound/missed.py).
    """

    event_id: EventId
    room_id: RoomId
    sender: UserId
    type: EventType
    state_key: StateKey | None = None
    origin_server_ts: Milliseconds
    content: JsonObject
    is_late: bool = False

    @property
    def sent_at(self) -> datetime:
        """When the sender's homeserver says it was sent: a claim, bounded to what a datetime can hold."""
        return _instant(self.origin_server_ts)


class ToDeviceEvent(_Accepted):
    """A message to one device (client-server API, section 11.11), with its recipient (MSC4203)."""

    sender: UserId
    type: EventType
    content: JsonObject
    to_user_id: UserId
    to_device_id: DeviceId


class Receipt(_Accepted):
    """`user_id` has read up to `event_id`; `ts` in milliseconds (client-server API, section 11.7)."""

    event_id: EventId
    user_id: UserId
    ts: Milliseconds

    @property
    def at(self) -> datetime:
        """When it was read, as the reader's homeserver says."""
        return _instant(self.ts)


class Receipts(_Accepted):
    """The public read receipts of one `m.receipt`, in one room."""

    room_id: RoomId
    receipts: list[Receipt]

    @field_validator("receipts", mode="before")
    @classmethod
    def _only_receipts(cls, raw: Any) -> list[Receipt]:
        return _valid(_RECEIPT, raw)


_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)
_RECEIPT: TypeAdapter[Receipt] = TypeAdapter(Receipt)


class DeviceLists(_Accepted):
    """Users whose devices changed, and users who share no room with ours any more (MSC3202)."""

    changed: list[UserId] = []
    left: list[UserId] = []

    @field_validator("changed", "left", mode="before")
    @classmethod
    def _only_users(cls, raw: Any) -> list[str]:
        # One strange name must not hide the others' changes.
        return _valid(_USER_ID, raw)


class KeyCounts(_Accepted):
    """One-time keys left and fallback keys unused (MSC3202), as `{user: {device: …}}`."""

    counts: dict[str, dict[str, dict[str, int]]] = {}
    unused_fallback: dict[str, dict[str, list[str]]] = {}


def public_receipts(content: Mapping[str, Any]) -> list[JsonObject]:
    """The `m.read` receipts in the content of an `m.receipt`, one object each, not yet validated."""
    return [
        {"event_id": event_id, "user_id": user_id, "ts": data.get("ts")}
        for event_id, kinds in content.items()
        if isinstance(kinds, dict) and isinstance(kinds.get("m.read"), dict)
        for user_id, data in kinds["m.read"].items()
        if isinstance(data, dict)
    ]


def _valid(adapter: TypeAdapter[_T], raw: Any) -> list[_T]:
    valid = []
    for one in raw if isinstance(raw, list) else []:
        with suppress(ValidationError):
            valid.append(adapter.validate_python(one))
    return valid


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(min(milliseconds, _LATEST_MS) / 1000, tz=UTC)
