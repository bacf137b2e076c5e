"""bridge/e2ee/olm_payload.py: a room key is believed of whom it is from, for the room it is for, and no other."""

from typing import Any

import pytest
import vodozemac

from bridge.e2ee.model import Decrypted, Undecryptable
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import World


async def test_a_session_that_comes_again_later_does_not_replace_the_better_one(world: World, garcia: Client):
    """The earlier index is kept, whichever comes first (gap 12)."""
    session = vodozemac.GroupSession()
    early = session.session_key
    events = [garcia.say(session, f"{number}") for number in range(3)]
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": session.session_id,
        "session_key": session.session_key.to_base64(),
    }
    await garcia.send_olm(LUCIA, "m.room_key", content)
    await world.deliver(LUCIA)
    assert await world.read(events[0]) == Undecryptable("unknown-index")
    await garcia.send_olm(LUCIA, "m.room_key", {**content, "session_key": early.to_base64()})
    await garcia.send_olm(LUCIA, "m.room_key", content)
    await world.deliver(LUCIA)
    read = await world.encryption.decrypt(LUCIA, events)
    assert [part.content["body"] for part in read] == ["0", "1", "2"]


async def test_a_room_key_stays_with_its_room(world: World, garcia: Client):
    """The same session, given once more for another room, opens nothing there."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    await garcia.give(LUCIA, session, room_id="!other")
    await world.deliver(LUCIA)
    assert await world.read(garcia.say(session, "x", room_id="!other")) == Undecryptable("unknown-session")


async def test_a_forwarded_key_is_refused(world: World, garcia: Client):
    """We ask nobody for keys, so nobody's forwarded key is taken."""
    session = vodozemac.GroupSession()
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": session.session_id,
        "session_key": session.session_key.to_base64(),
        "sender_key": garcia.curve25519,
    }
    await garcia.send_olm(LUCIA, "m.forwarded_room_key", content)
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)
    assert await world.read(garcia.say(session, "x")) == Undecryptable("unknown-session")


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "@eve:hospital"},
        {"recipient": JUAN},
        {"recipient_keys": {"ed25519": "another"}},
        {"keys": {"ed25519": "another"}},
        {"keys": None},
    ],
)
async def test_a_payload_for_or_by_somebody_else_is_refused(
    world: World, garcia: Client, changes: dict[str, Any]
):
    """Nobody can pass on to us what another sent, or what was sent to another."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session, **changes)
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)
    assert await world.read(garcia.say(session, "x")) == Undecryptable("unknown-session")


async def test_a_device_that_is_gone_already_is_known_by_its_message(world: World, garcia: Client):
    """A doctor who logged out before we could ask for her device is read nevertheless, if it was signed."""
    session, unsigned = vodozemac.GroupSession(), vodozemac.GroupSession()
    await garcia.give(LUCIA, session, sender_device_keys=garcia.device_keys())
    del world.server.devices[garcia.user_id][garcia.device_id]
    await world.deliver(LUCIA)
    assert isinstance(await world.read(garcia.say(session, "hola")), Decrypted)
    other = Client(world.server, garcia.user_id, "OTHER")
    await other.give(LUCIA, unsigned, sender_device_keys=other.device_keys())
    await world.deliver(LUCIA)
    assert await world.read(other.say(unsigned, "hola")) == Undecryptable("unsigned-device")


async def test_a_device_that_nobody_knows_is_not_believed(world: World, garcia: Client):
    """A room key of a device that its server does not show opens nothing, yet waits for the device."""
    session = vodozemac.GroupSession()
    keys = world.server.devices[garcia.user_id].pop(garcia.device_id)
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    said = garcia.say(session, "hola")
    assert await world.read(said) == Undecryptable("unknown-device")
    world.server.devices[garcia.user_id][garcia.device_id] = keys
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await world.read(said), Decrypted)
