"""The keeper's consult room: what it is made of, so that nobody but the care team gets in and nobody reads along.

The keeper makes the room, manages its members and state, and has no device: it can't read what is said.
"""

from collections.abc import Iterable
from typing import Any

ROOM_TYPE = "es.videoconsulta.consult"
NONCE = "es.videoconsulta.nonce"
ROOM_VERSION = "12"

_KEEPER_ONLY = 100
_EVERYBODY = 0


def server_of(user_id: str) -> str:
    """The server name in a Matrix user id."""
    return user_id.split(":", 1)[1]


def host_of(server_name: str) -> str:
    """A server name without its port: that is how homeservers match server ACLs."""
    return server_name if server_name.endswith("]") else server_name.rsplit(":", 1)[0]


def consult_room(
    *,
    nonce: str,
    keeper: str,
    people: Iterable[str],
    rotation_period_msgs: int,
    rotation_period_ms: int,
) -> dict[str, Any]:
    """The body of `POST /createRoom` (Matrix client-server API, section 10.1.1) for one consult room.

    Nobody is invited yet: invitations follow once the room is known to be ours, so that a room left over by a
    crash is one that only the keeper ever saw. There is no name: members' clients show the people in it.
    """
    hosts = {host_of(server_of(person)) for person in [*people, keeper]}
    # Synapse refuses an ACL in which it does not find its own name, and looks for it with the port.
    allowed = sorted(hosts | {server_of(keeper)})
    return {
        "preset": "private_chat",
        "visibility": "private",
        "room_version": ROOM_VERSION,
        "creation_content": {"type": ROOM_TYPE, NONCE: nonce},
        "power_level_content_override": {
            "users": {},
            "users_default": _EVERYBODY,
            "events_default": _EVERYBODY,
            "state_default": _KEEPER_ONLY,
            "invite": _KEEPER_ONLY,
            "kick": _KEEPER_ONLY,
            "ban": _KEEPER_ONLY,
            "redact": _KEEPER_ONLY,
            "events": {},
        },
        "initial_state": [
            _state("m.room.encryption", encryption_content(rotation_period_msgs, rotation_period_ms)),
            _state("m.room.guest_access", {"guest_access": "forbidden"}),
            _state("m.room.history_visibility", {"history_visibility": "shared"}),
            _state("m.room.server_acl", {"allow": allowed, "deny": [], "allow_ip_literals": False}),
            _state("io.element.functional_members", {"service_members": [keeper]}),
        ],
    }


def encryption_content(rotation_period_msgs: int, rotation_period_ms: int) -> dict[str, Any]:
    """The content of `m.room.encryption` (Matrix client-server API, section 11.12.4)."""
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "rotation_period_msgs": rotation_period_msgs,
        "rotation_period_ms": rotation_period_ms,
    }


def _state(event_type: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": event_type, "state_key": "", "content": content}
