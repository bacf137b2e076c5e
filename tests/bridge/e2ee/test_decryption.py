"""Reading: what is shown was said by its sender, in that room, once."""

import dataclasses
from typing import Any

import pytest
import vodozemac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from bridge.e2ee.model import Decrypted, EncryptedEvent, Undecryptable
from bridge.storage.conversations import timeline
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM, event
from tests.bridge.e2ee.world import World


async def _given(world: World, client: Client, user_id: str = LUCIA) -> vodozemac.GroupSession:
    session = vodozemac.GroupSession()
    await client.give(user_id, session)
    await world.deliver(user_id)
    return session


async def _read(world: World, said: EncryptedEvent, reader: str = LUCIA) -> Decrypted | Undecryptable:
    (read,) = await world.encryption.decrypt(reader, [said])
    return read


async def test_an_event_in_anothers_name_is_refused(world: World, garcia: Client):
    """The session's owner must be the event's sender, whatever the event says (gap 9)."""
    session = await _given(world, garcia)
    said = garcia.say(session, "x")
    assert await _read(world, dataclasses.replace(said, sender="@eve:hospital")) == Undecryptable(
        "wrong-sender"
    )
    assert isinstance(await _read(world, said), Decrypted)


async def test_a_session_passed_off_as_ones_own_does_not_replace_its_owners(world: World, garcia: Client):
    """Who was given a session cannot claim it before its owner's own message arrives."""
    eve = Client(world.server, "@eve:hospital", "EVE")
    await eve.log_in()
    session = vodozemac.GroupSession()
    await eve.give(LUCIA, session)
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    assert isinstance(await _read(world, garcia.say(session, "x")), Decrypted)


async def test_a_replay_is_refused_by_any_process(world: World, garcia: Client):
    """The same message in another event is refused, after a restart and for another reader too (gap 13)."""
    await world.encryption.provision(JUAN)
    session = vodozemac.GroupSession()
    for user_id in (LUCIA, JUAN):
        await garcia.give(user_id, session)
        await world.deliver(user_id)
    said = garcia.say(session, "una vez")
    again = dataclasses.replace(said, event_id="$again")
    assert isinstance(await _read(world, said), Decrypted)
    world.encryption = world.restarted()
    assert await _read(world, again) == Undecryptable("replayed")
    assert await _read(world, again, JUAN) == Undecryptable("replayed")
    assert isinstance(await _read(world, said, JUAN), Decrypted)


async def test_an_event_moved_to_another_room_is_refused(world: World, garcia: Client):
    """The room inside must be the room outside."""
    session = await _given(world, garcia)
    assert await _read(world, garcia.say(session, "x", inner_room_id="!other")) == Undecryptable("wrong-room")


async def test_what_an_unsigned_device_says_is_refused(world: World, garcia: Client):
    """Where there is an identity, a device that it did not sign is not heard; once it is, it is."""
    other = Client(
        world.server, garcia.user_id, "OTHER", master=garcia.master, self_signing=garcia.self_signing
    )
    await other.log_in(sign=False)
    session = await _given(world, other)
    said = other.say(session, "x")
    assert await _read(world, said) == Undecryptable("unsigned-device")
    await other.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await _read(world, said), Decrypted)


async def test_who_has_no_identity_is_heard(world: World):
    """People who set up no cross-signing are read."""
    plain = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await plain.log_in()
    assert isinstance(await _read(world, plain.say(await _given(world, plain), "x")), Decrypted)


async def test_history_of_a_device_that_is_gone_stays_readable(world: World, garcia: Client):
    """A logged-out device's messages can still be read."""
    session = await _given(world, garcia)
    said = garcia.say(session, "x")
    del world.server.devices[garcia.user_id][garcia.device_id]
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await _read(world, said), Decrypted)


async def test_only_the_reader_who_has_the_session_reads(world: World, garcia: Client):
    """One of our users' sessions don't serve another of our users."""
    await world.encryption.provision(JUAN)
    session = await _given(world, garcia)
    assert await _read(world, garcia.say(session, "x"), JUAN) == Undecryptable("unknown-session")


async def test_many_events_at_once_come_back_in_order(world: World, garcia: Client):
    """Good and bad ones, of several sessions, each in its place."""
    first, second = await _given(world, garcia), await _given(world, garcia)
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
    said = lopez.say(await _given(world, lopez), "x")
    lopez.master, lopez.self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await lopez.publish_identity()
    del world.server.devices[lopez.user_id]["LOPEZ1"]
    await world.encryption.device_lists_changed([lopez.user_id], [])
    assert isinstance(await _read(world, said), Decrypted)


async def test_history_outlives_a_change_of_identity(world: World, garcia: Client):
    """What was heard as trusted, at its arrival or later, stays so; what never was does not become so."""
    doubtful = Client(
        world.server, garcia.user_id, "OTHER", master=garcia.master, self_signing=garcia.self_signing
    )
    await doubtful.log_in(sign=False)
    said = garcia.say(await _given(world, garcia), "x")
    late, never = await _given(world, doubtful), await _given(world, doubtful)
    heard_late, never_heard = doubtful.say(late, "x"), doubtful.say(never, "x")
    assert await _read(world, heard_late) == Undecryptable("unsigned-device")
    await doubtful.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await _read(world, heard_late), Decrypted)
    garcia.master, garcia.self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await garcia.publish_identity()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    key = await world.encryption.published_identity(garcia.user_id)
    assert await world.encryption.accept_identity(garcia.user_id, master_key=key)
    world.encryption = world.restarted()
    assert isinstance(await _read(world, said), Decrypted)
    assert isinstance(await _read(world, heard_late), Decrypted)
    assert await _read(world, never_heard) == Undecryptable("unsigned-device")


async def test_of_a_message_and_its_replay_the_older_one_is_shown(world: World, garcia: Client):
    """Read together for the first time, newest first as history is read."""
    said = [garcia.say(await _given(world, garcia), "una vez") for _ in range(2)]
    first = [dataclasses.replace(one, origin_server_ts=1) for one in said]
    again = [dataclasses.replace(one, event_id="$again", origin_server_ts=2) for one in said]
    for events in ([again[0], first[0]], [first[1], again[1]]):
        read = await world.encryption.decrypt(LUCIA, events)
        shown = [event for event, result in zip(events, read, strict=True) if isinstance(result, Decrypted)]
        assert [event.origin_server_ts for event in shown] == [1]


async def test_among_events_of_one_instant_the_later_in_the_list_is_the_older(world: World, garcia: Client):
    """Lists are newest first."""
    said = garcia.say(await _given(world, garcia), "una vez")
    read = await world.encryption.decrypt(LUCIA, [dataclasses.replace(said, event_id="$again"), said])
    assert read[0] == Undecryptable("replayed")
    assert isinstance(read[1], Decrypted)


async def _reached_the_room(world: World, *event_ids: str) -> None:
    async with world.database.write() as connection:
        for event_id in event_ids:
            values = {"room_id": ROOM, "sender": "@x:y", "sent_at": world.clock(), "is_message": True}
            await connection.execute(insert(timeline).values(event_id=event_id, **values))


@pytest.mark.parametrize("pretended_ts", [1, 9])
async def test_a_replay_that_was_read_first_loses_to_the_message(
    world: World, garcia: Client, pretended_ts: int
):
    """Neither was readable when it came, and the newer page was read first; whatever its server says of the time."""
    said = garcia.say(await _given(world, garcia), "una vez")
    first = dataclasses.replace(said, event_id="$first", origin_server_ts=5)
    again = dataclasses.replace(said, event_id="$again", origin_server_ts=pretended_ts)
    await _reached_the_room(world, "$first", "$again")
    assert isinstance(await _read(world, again), Decrypted)
    for _ in range(2):
        assert isinstance(await _read(world, first), Decrypted)
        assert await _read(world, again) == Undecryptable("replayed")
    together = await world.encryption.decrypt(LUCIA, [again, first])
    assert [isinstance(result, Decrypted) for result in together] == [False, True]


async def test_a_replay_with_a_false_time_on_the_same_page_loses(world: World, garcia: Client):
    """It pretends to be the older one."""
    said = garcia.say(await _given(world, garcia), "una vez")
    first = dataclasses.replace(said, event_id="$first", origin_server_ts=5)
    again = dataclasses.replace(said, event_id="$again", origin_server_ts=1)
    await _reached_the_room(world, "$first", "$again")
    read = await world.encryption.decrypt(LUCIA, [again, first])
    assert [isinstance(result, Decrypted) for result in read] == [False, True]


async def test_our_own_message_is_known_before_its_replay(world: World, garcia: Client):
    """Its index is claimed when it is sent, so a replay that is read before it is refused."""
    await world.prepare(garcia.user_id)
    async with world.database.write() as connection:
        encrypted = await world.encryption.encrypt(
            connection,
            user_id=LUCIA,
            room_id=ROOM,
            recipients=frozenset({garcia.user_id}),
            event_type="m.room.message",
            content={"body": "x"},
        )
    said = event(encrypted.content)
    async with world.database.write() as connection:
        for _ in range(2):
            await world.encryption.note_sent(
                connection,
                encrypted.content,
                message_index=encrypted.message_index,
                event_id=said.event_id,
            )
    assert await _read(world, dataclasses.replace(said, event_id="$again")) == Undecryptable("replayed")
    assert isinstance(await _read(world, said), Decrypted)


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
    said = garcia.say(await _given(world, garcia), "x")
    assert await _read(world, dataclasses.replace(said, content=said.content | change)) == Undecryptable(
        reason
    )


async def test_a_changed_ciphertext_is_broken(world: World, garcia: Client):
    """A flipped bit does not decrypt."""
    said = garcia.say(await _given(world, garcia), "x")
    cipher = said.content["ciphertext"]
    middle = len(cipher) // 2
    flipped = cipher[:middle] + ("A" if cipher[middle] != "A" else "B") + cipher[middle + 1 :]
    read = await _read(world, dataclasses.replace(said, content=said.content | {"ciphertext": flipped}))
    assert read in (Undecryptable("broken"), Undecryptable("malformed"))


async def test_a_plaintext_that_is_no_event_is_malformed(world: World, garcia: Client):
    """What decrypts to something else than an event is not shown."""
    session = await _given(world, garcia)
    for plaintext in (b"", b"[]", b"\xff", b'{"room_id": "!consult", "type": 3, "content": {}}'):
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "session_id": session.session_id,
            "ciphertext": session.encrypt(plaintext).to_base64(),
        }
        read = await _read(world, event(content, sender=garcia.user_id))
        assert read in (Undecryptable("malformed"), Undecryptable("wrong-room"))


_rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(
    content=st.fixed_dictionaries(
        {},
        optional={
            "algorithm": st.just("m.megolm.v1.aes-sha2"),
            "session_id": _rubbish,
            "ciphertext": _rubbish,
        },
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rubbish_is_undecryptable(world: World, content: dict[str, Any]):
    """Whatever stands in an event, reading it raises nothing."""
    assert isinstance(await _read(world, event(content)), Undecryptable)
