"""The direct chat of one person with the assistant: what its room is made of."""

from typing import Any

from bots.consult import NONCE, ROOM_VERSION, encryption_content, room_state, server_acl

_ASSISTANT_ONLY = 100
_EVERYBODY = 0


def direct_chat(
    *, nonce: str, assistant: str, person: str, rotation_period_msgs: int, rotation_period_ms: int
) -> dict[str, Any]:
    """The body of `POST /createRoom` (Matrix client-server API, section 10.1.1) for one direct chat.

    The person is not invited yet (see bots/consult.py). Only these two ever get in.
    """
    return {
        "preset": "private_chat",
        "visibility": "private",
        "room_version": ROOM_VERSION,
        "creation_content": {NONCE: nonce},
        "power_level_content_override": {
            "users": {},
            "users_default": _EVERYBODY,
            "events_default": _EVERYBODY,
            "state_default": _ASSISTANT_ONLY,
            "invite": _ASSISTANT_ONLY,
            "kick": _ASSISTANT_ONLY,
            "ban": _ASSISTANT_ONLY,
            "redact": _ASSISTANT_ONLY,
            "events": {},
        },
        "initial_state": [
            room_state("m.room.encryption", encryption_content(rotation_period_msgs, rotation_period_ms)),
            room_state("m.room.guest_access", {"guest_access": "forbidden"}),
            room_state("m.room.history_visibility", {"history_visibility": "shared"}),
            room_state("m.room.server_acl", server_acl(keeper=assistant, people=[person])),
        ],
    }


LAST_STATE = "m.room.server_acl"
"""The last state that createRoom sets: a room without it was left half made."""


def invitation() -> dict[str, Any]:
    """The content of the person's `m.room.member`: her client shows the room among her direct chats."""
    return {"membership": "invite", "is_direct": True}
