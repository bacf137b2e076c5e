"""What an event of a room is to us: a message, an edit of one, something to decrypt."""

from bridge.e2ee.model import EncryptedEvent
from bridge.matrix.events import RoomEvent
from bridge.matrix.json import JsonObject


def is_message(event: RoomEvent) -> bool:
    """Whether this counts as a message. One that the homeserver's module hid comes with an empty content."""
    return event.type == "m.room.encrypted" and "ciphertext" in event.content and not is_edit(event.content)


def encrypted(event: RoomEvent) -> EncryptedEvent:
    """The event as the encryption machine takes it."""
    return EncryptedEvent(
        event_id=event.event_id,
        room_id=event.room_id,
        sender=event.sender,
        content=event.content,
        origin_server_ts=event.origin_server_ts,
    )


def is_edit(content: JsonObject) -> bool:
    """Whether this content replaces another event's (Matrix client-server API, section 11.6)."""
    relation = content.get("m.relates_to")
    return isinstance(relation, dict) and relation.get("rel_type") == "m.replace"


def edited_by(event: RoomEvent) -> str | None:
    """The id of the event whose words this one replaces, as its sender says; None for what is no edit."""
    if event.type != "m.room.encrypted" or not is_edit(event.content):
        return None
    edited = event.content["m.relates_to"].get("event_id")
    return edited if isinstance(edited, str) else None
