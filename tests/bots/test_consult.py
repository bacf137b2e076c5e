"""bots/consult.py: what a consult room is made of."""

from typing import Any

import pytest

from bots.consult import consult_room, encryption_content, host_of, server_of

KEEPER = "@consulta:portal.example:8448"
LUCIA = "@portal_lucia:portal.example:8448"
GARCIA = "@garcia:hospital.example:9448"


def room(**changes: Any) -> dict[str, Any]:
    """The request for the room of Lucia and Garcia."""
    arguments: dict[str, Any] = {
        "nonce": "n0nce",
        "keeper": KEEPER,
        "people": (LUCIA, GARCIA),
        "notice": "Not for emergencies",
        "rotation_period_msgs": 100,
        "rotation_period_ms": 604_800_000,
    }
    return consult_room(**arguments | changes)


def state(event_type: str) -> dict[str, Any]:
    """The content of one event of the initial state."""
    (found,) = (event for event in room()["initial_state"] if event["type"] == event_type)
    assert found["state_key"] == ""
    return found["content"]


def test_the_create_event_names_type_and_nonce() -> None:
    """A room is recognised as a consult room, and as ours, by what can't be changed in it."""
    assert room()["creation_content"] == {
        "type": "es.videoconsulta.consult",
        "es.videoconsulta.nonce": "n0nce",
    }
    assert room()["room_version"] == "12"


def test_it_is_private_from_the_start() -> None:
    """Join rule invite comes with the preset; nothing lists the room or lets guests in."""
    assert room()["preset"] == "private_chat"
    assert room()["visibility"] == "private"
    assert state("m.room.guest_access") == {"guest_access": "forbidden"}
    assert state("m.room.history_visibility") == {"history_visibility": "shared"}


def test_it_is_encrypted_from_the_first_event() -> None:
    """Encryption is part of the initial state, with the rotation that the settings say."""
    assert state("m.room.encryption") == {
        "algorithm": "m.megolm.v1.aes-sha2",
        "rotation_period_msgs": 100,
        "rotation_period_ms": 604_800_000,
    }
    assert encryption_content(5, 60_000)["rotation_period_msgs"] == 5


def test_nobody_is_invited_and_nobody_is_named() -> None:
    """A crash may leave the room behind: then nobody saw it, and no person's id or name leaks in state."""
    made = room()
    assert not {"invite", "invite_3pid", "name", "topic", "room_alias_name"} & set(made)
    assert state("m.room.topic") == {"topic": "Not for emergencies"}  # the same in every room
    types = {event["type"] for event in made["initial_state"]}
    assert not {"m.room.name", "m.room.avatar", "m.room.member"} & types
    assert LUCIA not in str(made)
    assert GARCIA not in str(made)


def test_only_the_keeper_invites_and_changes_state() -> None:
    """Everybody may write; invitations, state and removals need a level that nobody but the creator has."""
    levels = room()["power_level_content_override"]
    assert levels["users"] == {}  # a creator outranks everyone in room version 12 and must not be listed
    assert levels["users_default"] == levels["events_default"] == 0
    needed = {levels[action] for action in ("state_default", "invite", "kick", "ban", "redact")}
    assert needed == {100}
    assert levels["events"] == {}


def test_only_the_care_teams_servers_take_part() -> None:
    """Homeservers match ACL entries with the host alone; only the portal's own looks for its name with the port."""
    assert state("m.room.server_acl") == {
        "allow": ["hospital.example", "portal.example", "portal.example:8448"],
        "deny": [],
        "allow_ip_literals": False,
    }


def test_the_keeper_is_no_party_to_the_talk() -> None:
    """Clients leave service members out when they show who is in the room."""
    assert state("io.element.functional_members") == {"service_members": [KEEPER]}


def test_the_last_state_tells_a_whole_room() -> None:
    """bridge/rooms/conversations.py takes a room with this state for one that was made to its end."""
    assert room()["initial_state"][-1]["type"] == "io.element.functional_members"


@pytest.mark.parametrize(
    ("server_name", "host"),
    [
        ("portal.example", "portal.example"),
        ("portal.example:8448", "portal.example"),
        ("192.0.2.7:8448", "192.0.2.7"),
        ("[2001:db8::7]", "[2001:db8::7]"),
        ("[2001:db8::7]:8448", "[2001:db8::7]"),
    ],
)
def test_a_host_is_a_server_name_without_its_port(server_name: str, host: str) -> None:
    """The colons of an IPv6 literal are not taken for a port's."""
    assert host_of(server_name) == host
    assert server_of(f"@x:{server_name}") == server_name
