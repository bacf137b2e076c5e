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
    notice: str,
    rotation_period_msgs: int,
    rotation_period_ms: int,
    version: str = ROOM_VERSION,
    former: str | None = None,
) -> dict[str, Any]:
    """The body of `POST /createRoom` (Matrix client-server API, section 10.1.1) for one consult room.

    Nobody is invited yet: invitations follow once the room is known to be ours, so that a room left over by a
    crash is one that only the keeper ever saw. There is no name: members' clients show the people in it. The
    topic, `notice`, is not encrypted and says the same in every room. `former`: the room whose place it takes; nobody
    writes in this one until they are let (`speaking_levels`).
    """
    predecessor = {} if former is None else {"predecessor": {"room_id": former}}
    return {
        "preset": "private_chat",
        "visibility": "private",
        "room_version": version,
        "creation_content": {"type": ROOM_TYPE, NONCE: nonce} | predecessor,
        "power_level_content_override": {
            "users": {},
            "users_default": _EVERYBODY,
            "events_default": _EVERYBODY if former is None else _KEEPER_ONLY,
            "state_default": _KEEPER_ONLY,
            "invite": _KEEPER_ONLY,
            "kick": _KEEPER_ONLY,
            "ban": _KEEPER_ONLY,
            "redact": _KEEPER_ONLY,
            "events": {},
        },
        "initial_state": [
            room_state("m.room.encryption", encryption_content(rotation_period_msgs, rotation_period_ms)),
            room_state("m.room.guest_access", {"guest_access": "forbidden"}),
            room_state("m.room.history_visibility", {"history_visibility": "shared"}),
            room_state("m.room.server_acl", server_acl(keeper=keeper, people=people)),
            room_state("m.room.topic", {"topic": notice}),
            room_state("io.element.functional_members", service_members([keeper])),
        ],
    }


def server_acl(*, keeper: str, people: Iterable[str]) -> dict[str, Any]:
    """The content of `m.room.server_acl`: the servers of these people and the keeper's (section 11.31)."""
    hosts = {host_of(server_of(person)) for person in [*people, keeper]}
    # Synapse refuses an ACL in which it does not find its own name, and looks for it with the port.
    return {"allow": sorted(hosts | {server_of(keeper)}), "deny": [], "allow_ip_literals": False}


def speaking_levels(levels: dict[str, Any], *, is_open: bool) -> dict[str, Any]:
    """The content of `m.room.power_levels` in which everybody may write, or nobody but the keeper.

    The level of `m.room.message` itself stays out of it: Element X would show a room without a composer for good.
    """
    return {**levels, "events_default": _EVERYBODY if is_open else _KEEPER_ONLY}


def tombstone(*, replacement: str, body: str) -> dict[str, Any]:
    """The content of `m.room.tombstone` (Matrix client-server API, section 11.32): where the conversation goes on."""
    return {"body": body, "replacement_room": replacement}


def encryption_content(rotation_period_msgs: int, rotation_period_ms: int) -> dict[str, Any]:
    """The content of `m.room.encryption` (Matrix client-server API, section 11.12.4)."""
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "rotation_period_msgs": rotation_period_msgs,
        "rotation_period_ms": rotation_period_ms,
    }


def service_members(members: list[str]) -> dict[str, Any]:
    """The content of `io.element.functional_members`: clients don't name the room after these."""
    return {"service_members": members}


def room_state(event_type: str, content: dict[str, Any]) -> dict[str, Any]:
    """One event of a new room's `initial_state`."""
    return {"type": event_type, "state_key": "", "content": content}
