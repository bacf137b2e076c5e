"""videoconsulta_synapse/rules.py: what may be in a consult room."""

from typing import Any

import pytest
from videoconsulta_synapse import rules

from tests.synapse_module.homeserver import (
    CONSULT,
    ENCRYPTED,
    GARCIA,
    KEEPER,
    MARIA,
    consult_state,
    event,
    invitation,
    ordinary_state,
)

MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


def _refused(event_type: str, content: Any, *, sender: str = MARIA, state_key: str | None = None) -> bool:
    made = event(event_type, content, sender=sender, state_key=state_key)
    return rules.why_refused(made, keeper=KEEPER, state=consult_state()) is not None


@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        ("m.room.encrypted", ENCRYPTED),
        ("m.room.encrypted", ENCRYPTED | {"m.relates_to": {"rel_type": "m.replace", "event_id": "$e"}}),
        ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$e", "key": "👍"}}),
        ("m.room.redaction", {"redacts": "$e"}),
        ("org.matrix.dummy_event", {}),
    ],
)
def test_ordinary_life_goes_on(event_type: str, content: dict[str, Any]) -> None:
    """What is encrypted, and the little that clients never encrypt."""
    assert not _refused(event_type, content)


@pytest.mark.parametrize("sender", [MARIA, GARCIA, KEEPER])
@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        ("m.room.message", {"msgtype": "m.text", "body": "me duele"}),
        ("m.room.message", {}),
        ("m.sticker", {}),
        ("m.call.invite", {}),
        ("m.key.verification.request", {}),
        ("m.poll.start", {}),
        ("es.videoconsulta.command", {}),
        ("m.room.encrypted", {}),
        ("m.room.encrypted", {"body": "me duele"}),
        ("m.room.encrypted", MEGOLM),
        ("m.room.encrypted", MEGOLM | {"ciphertext": {"a": "b"}}),
        ("m.room.encrypted", {"algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": "x"}),
    ],
)
def test_clear_text_is_refused_whoever_sends_it(
    event_type: str, content: dict[str, Any], sender: str
) -> None:
    """Also of the keeper: nothing that people say is in clear."""
    assert _refused(event_type, content, sender=sender)


@pytest.mark.parametrize(
    ("event_type", "good", "bad"),
    [
        ("m.room.encryption", [MEGOLM, MEGOLM | {"rotation_period_msgs": 1}], [{}, {"algorithm": "none"}]),
        (
            "m.room.join_rules",
            [{"join_rule": "invite"}],
            [{"join_rule": "public"}, {"join_rule": "knock"}, {}],
        ),
        ("m.room.join_rules", [], [{"join_rule": "restricted"}, {"join_rule": "knock_restricted"}]),
        ("m.room.guest_access", [{"guest_access": "forbidden"}], [{"guest_access": "can_join"}, {}]),
        ("m.room.history_visibility", [{"history_visibility": "shared"}], [{}]),
        (
            "m.room.history_visibility",
            [{"history_visibility": "joined"}],
            [{"history_visibility": "world_readable"}],
        ),
        ("m.room.canonical_alias", [], [{"alias": "#c:portal"}, {}]),
        ("m.room.third_party_invite", [], [{"display_name": "a"}]),
        ("m.room.power_levels", [{"events_default": 100}], []),
        ("m.room.topic", [{"topic": "No es para urgencias: 112"}], []),
        ("es.videoconsulta.visit", [{"state": "open"}], []),
    ],
)
def test_state_keeps_the_room_closed(event_type: str, good: list[Any], bad: list[Any]) -> None:
    """Not even the keeper can open it; other state is the power levels' business."""
    for content in good:
        assert not _refused(event_type, content, sender=KEEPER, state_key="")
    for content in bad:
        assert _refused(event_type, content, sender=KEEPER, state_key="")


def test_only_the_keeper_invites() -> None:
    """Joining and leaving is everybody's own business."""
    for sender, is_refused in ((KEEPER, False), (MARIA, True), (GARCIA, True)):
        reason = rules.why_refused(invitation("@x:portal", sender=sender), keeper=KEEPER)
        assert (reason is not None) is is_refused
    for membership in ("join", "leave"):
        assert not _refused("m.room.member", {"membership": membership}, state_key=MARIA)


def test_only_the_keeper_makes_consult_rooms() -> None:
    """Nobody pretends to be the portal."""
    assert not _refused("m.room.create", CONSULT, sender=KEEPER, state_key="")
    assert _refused("m.room.create", CONSULT, sender=MARIA, state_key="")


def test_what_keeps_the_room_closed_is_not_redacted() -> None:
    """A redacted `m.room.encryption` names no algorithm; a redacted message is ordinary life."""
    state = consult_state()
    rule = state["m.room.encryption", ""].event_id
    for redacted, is_refused in ((rule, True), ("$message", False)):
        redaction = event("m.room.redaction", {"redacts": redacted}, sender=KEEPER)
        assert (rules.why_refused(redaction, keeper=KEEPER, state=state) is not None) is is_refused


def test_which_rooms_are_consult_rooms() -> None:
    """By the type in their first event, which is also judged itself."""
    message = event("m.room.message", {})
    assert rules.is_consult(message, consult_state())
    assert not rules.is_consult(message, ordinary_state())
    assert not rules.is_consult(message, {})
    assert rules.is_consult(event("m.room.create", CONSULT, state_key=""), {})


def _room(**changes: Any) -> dict[str, Any]:
    encryption = {"type": "m.room.encryption", "state_key": "", "content": MEGOLM}
    return {"creation_content": CONSULT, "initial_state": [encryption], **changes}


@pytest.mark.parametrize(
    ("request_body", "creator", "text"),
    [
        (_room(), KEEPER, None),
        (_room(visibility="private"), KEEPER, None),
        ({}, MARIA, None),
        ({"creation_content": {"type": "m.space"}, "visibility": "public"}, MARIA, None),
        (_room(), MARIA, "made by the portal"),
        (_room(initial_state=[]), KEEPER, "encrypted"),
        (_room(initial_state=None), KEEPER, "encrypted"),
        (_room(initial_state=[{"type": "m.room.encryption", "content": {}}, 7]), KEEPER, "encrypted"),
        (_room(visibility="public"), KEEPER, "directory"),
        (_room(room_alias_name="consulta"), KEEPER, "address"),
    ],
)
def test_how_a_consult_room_is_made(request_body: dict[str, Any], creator: str, text: str | None) -> None:
    """By the keeper, encrypted from the start, in no directory; other rooms as people like."""
    reason = rules.why_room_refused(request_body, keeper=KEEPER, creator=creator)
    assert reason is None if text is None else text in (reason or "")


@pytest.mark.parametrize(
    ("stripped", "expected"),
    [
        ([{"type": "m.room.create", "state_key": "", "content": CONSULT}], True),
        ([{"type": "m.room.create", "content": {}}, {"type": "m.room.name", "content": CONSULT}], False),
        (["m.room.create", None, {"type": "m.room.create", "content": "x"}], False),
        ({"type": "m.room.create"}, False),
        (None, False),
    ],
)
def test_what_an_invitation_says_of_its_room(stripped: object, expected: bool) -> None:  # noqa: FBT001
    """It comes from another server, and may hold anything."""
    assert rules.invites_to_consult(stripped) is expected
