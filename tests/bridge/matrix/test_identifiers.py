"""bridge/matrix/identifiers.py: what is taken for an identifier."""

import pytest

from bridge.matrix.identifiers import EVENT_ID, MAX_ID, ROOM_ID, USER_ID, is_well_formed


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("@garcia:hospital.example", USER_ID),
        ("@Dr.Garcia!:h", USER_ID),
        ("@a:[::1]:8448", USER_ID),
        ("!abc:portal.example", ROOM_ID),
        ("!qS_room-of-version-12", ROOM_ID),
        ("$event", EVENT_ID),
        ("@" + "a" * (MAX_ID - 3) + ":h", USER_ID),
    ],
)
def test_identifiers_are_taken(text: str, pattern: str) -> None:
    """Historical user ids and rooms without a server part too, up to the longest."""
    assert is_well_formed(text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", USER_ID),
        ("garcia:h", USER_ID),
        ("@:h", USER_ID),
        ("@garcia", USER_ID),
        ("@garcia:h\n", USER_ID),
        ("@gar cia:h", USER_ID),
        ("@garcía:h", USER_ID),
        ("@garcia:h/x", USER_ID),
        ("@" + "a" * (MAX_ID - 2) + ":h", USER_ID),
        ("abc", ROOM_ID),
        ("!", ROOM_ID),
        ("$", EVENT_ID),
        ("!event", EVENT_ID),
    ],
)
def test_nothing_else_is(text: str, pattern: str) -> None:
    """Nor a line end behind one, which a regular expression's own end would let through."""
    assert not is_well_formed(text, pattern)
