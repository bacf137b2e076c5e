"""bridge/live/bodies.py: where the words come from that a stream tells."""

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.live.bodies import Bodies, Body
from bridge.live.recent import RecentEvents

LUCIA, GARCIA = "@lucia:portal", "@garcia:hospital"
ROOM = "!room:portal"


def said(text: str) -> Decrypted:
    """A message of Garcia's."""
    return Decrypted("m.room.message", {"body": text})


class FakeEncryption:
    """Opens everything, and notes what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    async def decrypt(self, _user_id: str, events: Sequence[EncryptedEvent]) -> list[Decrypted]:
        """As the machine."""
        self.given += [event.event_id for event in events]
        return [said(f"opened {event.event_id}") for event in events]


@pytest.mark.parametrize("reader", [LUCIA, GARCIA])
async def test_what_was_opened_for_a_reader_is_not_opened_again(reader: str) -> None:
    """For another reader it is; each message has its own words, whichever way they came."""
    recent, encryption = RecentEvents(), FakeEncryption()
    for name in ("$1", "$2"):
        recent.keep(EncryptedEvent(name, ROOM, GARCIA, {"ciphertext": name}))
    recent.hand_over({(LUCIA, "$2"): said("at hand")})
    matrix: Any = None
    machine: Any = encryption
    bodies = Bodies(matrix=matrix, encryption=machine, recent=recent)
    told = await bodies.read(reader, [(ROOM, "$1"), (ROOM, "$2")])
    second = "at hand" if reader == LUCIA else "opened $2"
    assert told == [Body("opened $1"), Body(second)]
    assert encryption.given == (["$1"] if reader == LUCIA else ["$1", "$2"])
