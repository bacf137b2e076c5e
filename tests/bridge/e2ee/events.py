"""Encrypted room events, and the people and the room of the tests."""

from typing import Any
from uuid import uuid4

from bridge.e2ee.model import EncryptedEvent

LUCIA = "@portal_lucia:portal"
JUAN = "@portal_juan:portal"
ROOM = "!consult"


def event(content: dict[str, Any], *, sender: str = LUCIA, room_id: str = ROOM) -> EncryptedEvent:
    """A room event that nobody saw before."""
    return EncryptedEvent(event_id=f"${uuid4().hex}", room_id=room_id, sender=sender, content=content)
