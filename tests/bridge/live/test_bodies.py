"""bridge/live/bodies.py: where the words come from that a stream tells."""

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.attachments.encrypted_file import Encryptor
from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.live.bodies import Bodies, Body
from bridge.timeline.recent import RecentEvents

LUCIA, GARCIA = "@lucia:portal", "@garcia:hospital"
ROOM = "!room:portal"


def said(text: str) -> Decrypted:
    """A message of Garcia's."""
    return Decrypted("m.room.message", {"msgtype": "m.text", "body": text})


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
    nothing: Any = None
    machine: Any = encryption
    bodies = Bodies(database=nothing, matrix=nothing, encryption=machine, recent=recent)
    told = await bodies.read(reader, [(ROOM, "$1"), (ROOM, "$2")])
    second = "at hand" if reader == LUCIA else "opened $2"
    assert told == [Body("opened $1"), Body(second)]
    assert encryption.given == (["$1"] if reader == LUCIA else ["$1", "$2"])


async def test_a_stream_says_what_the_history_says() -> None:
    """A file is its caption, and a verification is no message."""
    recent = RecentEvents()
    file = Encryptor().described("mxc://hospital/abc").model_dump()
    contents: dict[str, dict[str, Any]] = {
        "$1": {"msgtype": "m.image", "body": "IMG_1.jpg", "file": file},
        "$2": {"msgtype": "m.key.verification.request", "body": "@garcia wants to verify"},
        "$3": {"msgtype": "m.location", "body": "geo:40.4,-3.7"},
    }
    opened = {(LUCIA, event_id): Decrypted("m.room.message", one) for event_id, one in contents.items()}
    recent.hand_over(opened)
    nothing: Any = None
    bodies = Bodies(database=nothing, matrix=nothing, encryption=nothing, recent=recent)
    told = await bodies.read(LUCIA, [(ROOM, event_id) for event_id in contents])
    assert told == [Body(""), Body(is_message=False), Body("geo:40.4,-3.7")]
