"""bots/direct_chat.py: what a direct chat is made of."""

from typing import Any

from bots.direct_chat import LAST_STATE, direct_chat, invitation

ASSISTANT = "@asistente:portal.example:8448"
GARCIA = "@garcia:hospital.example:9448"


def room() -> dict[str, Any]:
    """The request for Garcia's chat."""
    return direct_chat(
        nonce="n0nce",
        assistant=ASSISTANT,
        person=GARCIA,
        rotation_period_msgs=100,
        rotation_period_ms=604_800_000,
    )


def test_it_is_encrypted_and_closed_from_the_start() -> None:
    """No third person ever gets in, no state is anybody's but the assistant's, nobody is named."""
    made = room()
    contents = {event["type"]: event["content"] for event in made["initial_state"]}
    assert made["creation_content"] == {"es.videoconsulta.nonce": "n0nce"}
    assert contents["m.room.encryption"]["algorithm"] == "m.megolm.v1.aes-sha2"
    assert contents["m.room.server_acl"]["allow"] == [
        "hospital.example",
        "portal.example",
        "portal.example:8448",
    ]
    levels = made["power_level_content_override"]
    assert {levels[action] for action in ("state_default", "invite", "kick", "ban", "redact")} == {100}
    assert levels["users"] == {}
    assert GARCIA not in str(made)


def test_the_last_state_tells_a_whole_room() -> None:
    """bridge/rooms/direct_chats.py takes a room with this state for one that was made to its end."""
    assert room()["initial_state"][-1]["type"] == LAST_STATE


def test_her_client_shows_it_among_direct_chats() -> None:
    """The invitation says so."""
    assert invitation() == {"membership": "invite", "is_direct": True}
