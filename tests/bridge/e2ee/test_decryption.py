"""Reading: what is shown was said by its sender, in that room, once."""

import dataclasses
from typing import Any

import pytest
import vodozemac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.e2ee.model import Decrypted, Undecryptable
from tests.anything import anything
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, event
from tests.bridge.e2ee.world import World


async def test_an_event_in_anothers_name_is_refused(world: World, garcia: Client):
    """The session's owner must be the event's sender, whatever the event says (gap 9)."""
    session = await world.given(garcia)
    said = garcia.say(session, "x")
    assert await world.read(dataclasses.replace(said, sender="@eve:hospital")) == Undecryptable(
        "wrong-sender"
    )
    assert isinstance(await world.read(said), Decrypted)


async def test_a_session_passed_off_as_ones_own_does_not_replace_its_owners(world: World, garcia: Client):
    """Who was given a session cannot claim it before its owner's own message arrives."""
    eve = Client(world.server, "@eve:hospital", "EVE")
    await eve.log_in()
    session = vodozemac.GroupSession()
    await eve.give(LUCIA, session)
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    assert isinstance(await world.read(garcia.say(session, "x")), Decrypted)


async def test_an_event_moved_to_another_room_is_refused(world: World, garcia: Client):
    """The room inside must be the room outside."""
    session = await world.given(garcia)
    assert await world.read(garcia.say(session, "x", inner_room_id="!other")) == Undecryptable("wrong-room")


async def test_what_an_unsigned_device_says_is_refused(world: World, garcia: Client):
    """Where there is an identity, a device that it did not sign is not heard; once it is, it is."""
    other = garcia.another("OTHER")
    await other.log_in(sign=False)
    session = await world.given(other)
    said = other.say(session, "x")
    assert await world.read(said) == Undecryptable("unsigned-device")
    await other.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await world.read(said), Decrypted)


async def test_who_has_no_identity_is_heard(world: World):
    """People who set up no cross-signing are read."""
    plain = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await plain.log_in()
    assert isinstance(await world.read(plain.say(await world.given(plain), "x")), Decrypted)


async def test_history_of_a_device_that_is_gone_stays_readable(world: World, garcia: Client):
    """A logged-out device's messages can still be read."""
    session = await world.given(garcia)
    said = garcia.say(session, "x")
    del world.server.devices[garcia.user_id][garcia.device_id]
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await world.read(said), Decrypted)


async def test_only_the_reader_who_has_the_session_reads(world: World, garcia: Client):
    """One of our users' sessions don't serve another of our users."""
    await world.encryption.provision(JUAN)
    session = await world.given(garcia)
    assert await world.read(garcia.say(session, "x"), JUAN) == Undecryptable("unknown-session")


async def test_many_events_at_once_come_back_in_order(world: World, garcia: Client):
    """Good and bad ones, of several sessions, each in its place."""
    first, second = await world.given(garcia), await world.given(garcia)
    events = [garcia.say(first, "1"), garcia.say(second, "2"), garcia.say(first, "3")]
    events.insert(1, garcia.say(vodozemac.GroupSession(), "?"))
    read = await world.encryption.decrypt(LUCIA, events[::-1])
    bodies = [part.content["body"] if isinstance(part, Decrypted) else part.reason for part in read]
    assert bodies == ["3", "2", "unknown-session", "1"]
    assert await world.encryption.decrypt(LUCIA, []) == []


async def test_history_outlives_what_is_thought_of_its_device_later(world: World):
    """Heard without an identity, her old device is unsigned and gone once she has one: her words stay."""
    lopez = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await lopez.log_in()
    said = lopez.say(await world.given(lopez), "x")
    lopez.master, lopez.self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await lopez.publish_identity()
    del world.server.devices[lopez.user_id]["LOPEZ1"]
    await world.encryption.device_lists_changed([lopez.user_id], [])
    assert isinstance(await world.read(said), Decrypted)


async def test_history_outlives_a_change_of_identity(world: World, garcia: Client):
    """What was heard as trusted, at its arrival or later, stays so; what never was does not become so."""
    doubtful = garcia.another("OTHER")
    await doubtful.log_in(sign=False)
    said = garcia.say(await world.given(garcia), "x")
    late, never = await world.given(doubtful), await world.given(doubtful)
    heard_late, never_heard = doubtful.say(late, "x"), doubtful.say(never, "x")
    assert await world.read(heard_late) == Undecryptable("unsigned-device")
    await doubtful.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await world.read(heard_late), Decrypted)
    garcia.master, garcia.self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await garcia.publish_identity()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    key = await world.encryption.identities.published(garcia.user_id)
    assert await world.encryption.identities.accept(garcia.user_id, master_key=key)
    world.encryption = world.restarted()
    assert isinstance(await world.read(said), Decrypted)
    assert isinstance(await world.read(heard_late), Decrypted)
    assert await world.read(never_heard) == Undecryptable("unsigned-device")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"algorithm": "m.olm.v1.curve25519-aes-sha2"}, "unsupported-algorithm"),
        ({"ciphertext": "AwgAEg"}, "malformed"),
        ({"ciphertext": None}, "malformed"),
        ({"session_id": 3}, "malformed"),
        ({"session_id": "a\0b"}, "malformed"),
    ],
)
async def test_what_is_wrong_is_named(world: World, garcia: Client, change: dict[str, Any], reason: str):
    """A broken event says how it is broken."""
    said = garcia.say(await world.given(garcia), "x")
    assert await world.read(dataclasses.replace(said, content=said.content | change)) == Undecryptable(reason)


async def test_a_changed_ciphertext_is_broken(world: World, garcia: Client):
    """A flipped bit does not decrypt."""
    said = garcia.say(await world.given(garcia), "x")
    cipher = said.content["ciphertext"]
    middle = len(cipher) // 2
    flipped = cipher[:middle] + ("A" if cipher[middle] != "A" else "B") + cipher[middle + 1 :]
    read = await world.read(dataclasses.replace(said, content=said.content | {"ciphertext": flipped}))
    assert read in (Undecryptable("broken"), Undecryptable("malformed"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sí \ud83d\ude00", "sí \U0001f600"),
        ("sí \ud83d", "sí \ufffd"),
        ("\ude00x\ud83d\ud83d\ude00", "\ufffdx\ufffd\U0001f600"),
        ("\\ud83d", "\\ud83d"),
    ],
)
async def test_half_an_emoji_is_no_obstacle(world: World, garcia: Client, written: str, read: str):
    """Half of a surrogate pair, which no answer of ours could hold, is shown as the replacement character."""
    found = await world.read(garcia.say(await world.given(garcia), written))
    assert isinstance(found, Decrypted)
    assert found.content["body"] == read
    found.content["body"].encode()


async def test_a_plaintext_that_is_no_event_is_malformed(world: World, garcia: Client):
    """What decrypts to something else than an event is not shown."""
    session = await world.given(garcia)
    for plaintext in (
        b"",
        b"[]",
        b"\xff",
        b'"\xed\xa0\xbd"',
        b'{"room_id": "!consult", "type": 3, "content": {}}',
    ):
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "session_id": session.session_id,
            "ciphertext": session.encrypt(plaintext).to_base64(),
        }
        read = await world.read(event(content, sender=garcia.user_id))
        assert read in (Undecryptable("malformed"), Undecryptable("wrong-room"))


@given(
    content=st.fixed_dictionaries(
        {},
        optional={
            "algorithm": st.just("m.megolm.v1.aes-sha2"),
            "session_id": anything,
            "ciphertext": anything,
        },
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rubbish_is_undecryptable(world: World, content: dict[str, Any]):
    """Whatever stands in an event, reading it raises nothing."""
    assert isinstance(await world.read(event(content)), Undecryptable)
