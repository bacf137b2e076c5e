"""What the homeserver answers to our own requests (client-server API)."""

from pydantic import BaseModel, ConfigDict

from bridge.matrix.json import JsonObject


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EventSent(_Answer):
    """The event is in the room."""

    event_id: str


class RoomCreated(_Answer):
    """The room is there."""

    room_id: str


class RoomVersions(_Answer):
    """The room versions that the homeserver knows, with what it thinks of each."""

    default: str
    available: dict[str, str]


class MediaUploaded(_Answer):
    """The file is in the media repository."""

    content_uri: str


class KeysUploaded(_Answer):
    """How many one-time keys of each algorithm the homeserver holds now."""

    one_time_key_counts: dict[str, int]


class JoinedRooms(_Answer):
    """Where the user is joined."""

    joined_rooms: list[str]


class MessagesPage(_Answer):
    """Events, newest first, and the token from which older ones follow (None at the room's beginning)."""

    chunk: list[JsonObject]
    end: str | None = None


class ToDeviceMessages(_Answer):
    """The oldest messages in a device's inbox, at most 100."""

    events: list[JsonObject] = []


class Synced(_Answer):
    """What a `/sync` of one device tells besides rooms' timelines."""

    next_batch: str
    to_device: ToDeviceMessages = ToDeviceMessages()
    device_lists: JsonObject = {}
    device_one_time_keys_count: JsonObject = {}
    device_unused_fallback_key_types: list[str] = []
    rooms: JsonObject = {}
