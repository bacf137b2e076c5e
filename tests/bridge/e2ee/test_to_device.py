"""What comes to our devices: nothing is lost, nothing is taken twice, nothing unasked for is believed."""

from typing import Any

import pytest
import vodozemac
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unpaddedbase64 import decode_base64

from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.events import ToDeviceEvent
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import World


async def _read(world: World, event: Any, reader: str = LUCIA) -> Decrypted | Undecryptable:
    (read,) = await world.encryption.decrypt(reader, [event])
    return read


async def _device_id(world: World, user_id: str = LUCIA) -> str:
    device = await world.encryption.device_of(user_id)
    assert device is not None
    return device.device_id


async def test_the_one_time_key_is_gone_once_it_was_used(world: World, garcia: Client):
    """The account is saved with the session that used it up, so a copy of the message opens nothing (gap 11)."""
    await garcia.give(LUCIA, vodozemac.GroupSession())
    device_id = await _device_id(world)
    (message,) = world.server.take_inbox(LUCIA, device_id)
    await world.receive(LUCIA, device_id, message)
    world.encryption = world.restarted()
    async with world.database.write() as connection:
        account = await world.encryption._devices.take_account(connection, LUCIA)
    part = next(iter(message["content"]["ciphertext"].values()))
    pre_key = vodozemac.AnyOlmMessage.from_parts(0, decode_base64(part["body"])).to_pre_key()
    with pytest.raises(vodozemac.SessionCreationException):
        account.create_inbound_session(garcia.account.curve25519_key, pre_key)


async def test_an_unknown_one_time_key_begins_a_new_session(world: World, garcia: Client):
    """What no session opens is answered by m.dummy, once an hour, and after that messages arrive (gap 10)."""
    device_id = await _device_id(world)
    stranger = vodozemac.Account()
    stranger.generate_one_time_keys(1)
    ours = vodozemac.Curve25519PublicKey.from_base64(
        world.server.devices[LUCIA][device_id].keys["keys"][f"curve25519:{device_id}"]
    )
    for _ in range(3):
        garcia.olm[ours.to_base64()] = garcia.account.create_outbound_session(
            ours, next(iter(stranger.one_time_keys.values()))
        )
        await garcia.give(LUCIA, vodozemac.GroupSession())
        (seq,) = await world.deliver(LUCIA)
        assert await world.is_processed(seq)
    await garcia.sync()
    assert [payload["type"] for payload in garcia.received] == ["m.dummy"]
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    assert await _read(world, garcia.say(session, "hola")) == Decrypted(
        "m.room.message", {"msgtype": "m.text", "body": "hola"}
    )
    world.clock.pass_by(hours=1)
    garcia.olm[ours.to_base64()] = garcia.account.create_outbound_session(
        ours, next(iter(stranger.one_time_keys.values()))
    )
    await garcia.give(LUCIA, vodozemac.GroupSession())
    await world.deliver(LUCIA)
    await garcia.sync()
    assert [payload["type"] for payload in garcia.received] == ["m.dummy", "m.dummy"]


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
    assert await _read(world, events[0]) == Undecryptable("unknown-index")
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
    assert await _read(world, garcia.say(session, "x", room_id="!other")) == Undecryptable("unknown-session")


async def test_why_a_key_was_withheld_is_shown(world: World, garcia: Client):
    """`m.room_key.withheld` explains an undecryptable message (gap 14)."""
    session = vodozemac.GroupSession()
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": session.session_id,
        "sender_key": garcia.curve25519,
        "code": "m.unverified",
        "reason": "words of people are not kept",
    }
    message = {"sender": garcia.user_id, "type": "m.room_key.withheld", "content": content}
    assert await world.is_processed(await world.receive(LUCIA, await _device_id(world), message))
    said = garcia.say(session, "hola")
    assert await _read(world, said) == Undecryptable("withheld:m.unverified")
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    assert isinstance(await _read(world, garcia.say(session, "hola")), Decrypted)


async def test_being_told_that_there_is_no_channel_makes_one(world: World, garcia: Client):
    """`m.no_olm` is answered by a new Olm session."""
    content = {"algorithm": "m.megolm.v1.aes-sha2", "sender_key": garcia.curve25519, "code": "m.no_olm"}
    message = {"sender": garcia.user_id, "type": "m.room_key.withheld", "content": content}
    await world.receive(LUCIA, await _device_id(world), message)
    await garcia.sync()
    assert [payload["type"] for payload in garcia.received] == ["m.dummy"]


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
    assert await _read(world, garcia.say(session, "x")) == Undecryptable("unknown-session")


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
    assert await _read(world, garcia.say(session, "x")) == Undecryptable("unknown-session")


async def test_a_device_that_is_gone_already_is_known_by_its_message(world: World, garcia: Client):
    """A doctor who logged out before we could ask for her device is read nevertheless, if it was signed."""
    session, unsigned = vodozemac.GroupSession(), vodozemac.GroupSession()
    await garcia.give(LUCIA, session, sender_device_keys=garcia.device_keys())
    del world.server.devices[garcia.user_id][garcia.device_id]
    await world.deliver(LUCIA)
    assert isinstance(await _read(world, garcia.say(session, "hola")), Decrypted)
    other = Client(world.server, garcia.user_id, "OTHER")
    await other.give(LUCIA, unsigned, sender_device_keys=other.device_keys())
    await world.deliver(LUCIA)
    assert await _read(world, other.say(unsigned, "hola")) == Undecryptable("unsigned-device")


async def test_a_device_that_nobody_knows_is_not_believed(world: World, garcia: Client):
    """A room key of a device that its server does not show opens nothing, yet waits for the device."""
    session = vodozemac.GroupSession()
    keys = world.server.devices[garcia.user_id].pop(garcia.device_id)
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    said = garcia.say(session, "hola")
    assert await _read(world, said) == Undecryptable("unknown-device")
    world.server.devices[garcia.user_id][garcia.device_id] = keys
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert isinstance(await _read(world, said), Decrypted)


async def test_trouble_that_passes_leaves_the_item_for_later(world: World, garcia: Client):
    """When the homeserver is down the item stays unprocessed, and the second attempt takes it in."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    device_id = await _device_id(world)
    (message,) = world.server.take_inbox(LUCIA, device_id)
    seq = await world.store(message)
    event = ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)

    def fail(_method: str) -> None:
        raise HomeserverUnreachableError

    world.server.before = fail
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.receive_to_device(seq, event)
    assert not await world.is_processed(seq)
    world.server.before = lambda _method: None
    await world.encryption.receive_to_device(seq, event)
    assert await world.is_processed(seq)
    assert isinstance(await _read(world, garcia.say(session, "hola")), Decrypted)


async def test_a_refusal_for_good_is_not_tried_again(world: World, garcia: Client):
    """What the homeserver refuses to tell does not hold up the queue."""
    await garcia.give(LUCIA, vodozemac.GroupSession())

    def refuse(_method: str) -> None:
        raise MatrixError(status=403, errcode="M_FORBIDDEN", message="no")

    world.server.before = refuse
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)


async def test_a_crash_before_the_commit_repeats_the_item(world: World, garcia: Client):
    """If the transaction fails, account, Olm session and room key are as before, and the item opens again."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    device_id = await _device_id(world)
    (message,) = world.server.take_inbox(LUCIA, device_id)
    seq = await world.store(message)
    event = ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)
    world.encryption._to_device._now = None  # the last thing that the transaction needs
    with pytest.raises(TypeError):
        await world.encryption.receive_to_device(seq, event)
    assert not await world.is_processed(seq)
    world.encryption = world.restarted()
    await world.encryption.receive_to_device(seq, event)
    assert isinstance(await _read(world, garcia.say(session, "hola")), Decrypted)


async def test_messages_to_other_devices_are_just_done(world: World, garcia: Client):
    """An item for a device or of a kind that is not ours is marked processed."""
    message = {"sender": garcia.user_id, "type": "m.room.encrypted", "content": {}}
    assert await world.is_processed(await world.receive(LUCIA, "OTHER", message))
    assert await world.is_processed(await world.receive(JUAN, "OTHER", message))
    unknown = {**message, "type": "m.key.verification.request"}
    assert await world.is_processed(await world.receive(LUCIA, await _device_id(world), unknown))


async def test_a_key_for_a_device_that_is_still_being_made_is_kept(world: World, garcia: Client):
    """Its keys are at the homeserver before its provisioning ends, which may be interrupted in between."""

    def interrupt(method: str) -> None:
        if method == "device_signing_upload":
            raise HomeserverUnreachableError

    world.server.before = interrupt
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.provision(JUAN)
    world.server.before = lambda _method: None
    session = vodozemac.GroupSession()
    await garcia.give(JUAN, session)
    ((device_id, _),) = world.server.devices[JUAN].items()
    (message,) = world.server.take_inbox(JUAN, device_id)
    assert await world.is_processed(await world.receive(JUAN, device_id, message))
    await world.encryption.provision(JUAN)
    assert isinstance(await _read(world, garcia.say(session, "hola"), JUAN), Decrypted)


async def test_publishing_does_not_undo_what_arrived_meanwhile(world: World, garcia: Client):
    """The one-time key that a message used up during the upload stays gone."""
    upload, sent = world.server.signatures_upload, []

    async def receive_meanwhile(**arguments: Any) -> dict[str, Any]:
        await garcia.give(JUAN, vodozemac.GroupSession())
        ((device_id, _),) = world.server.devices[JUAN].items()
        (message,) = world.server.take_inbox(JUAN, device_id)
        await world.receive(JUAN, device_id, message)
        sent.append(next(iter(message["content"]["ciphertext"].values())))
        return await upload(**arguments)

    world.server.signatures_upload = receive_meanwhile
    await world.encryption.provision(JUAN)
    async with world.database.write() as connection:
        account = await world.encryption._devices.take_account(connection, JUAN)
    pre_key = vodozemac.AnyOlmMessage.from_parts(0, decode_base64(sent[0]["body"])).to_pre_key()
    with pytest.raises(vodozemac.SessionCreationException):
        account.create_inbound_session(garcia.account.curve25519_key, pre_key)


@given(order=st.lists(st.integers(0, 5), max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_duplicates_in_any_order_change_nothing(world: World, garcia: Client, order: list[int]):
    """Every message that came at least once is readable, however often and in which order they come."""
    sessions = [vodozemac.GroupSession() for _ in range(6)]
    for session in sessions:
        await garcia.give(LUCIA, session)
    device_id = await _device_id(world)
    messages = world.server.take_inbox(LUCIA, device_id)
    world.server.devices[garcia.user_id][garcia.device_id].one_time_keys.clear()  # no recovery
    for number in order:
        await world.receive(LUCIA, device_id, messages[number])
    for number in set(order):
        assert isinstance(await _read(world, garcia.say(sessions[number], "x")), Decrypted)


_rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rubbish_is_done_and_forgotten(world: World, garcia: Client, data: st.DataObject):
    """Whatever stands in a message, the item is processed and nothing is raised."""
    kind = data.draw(
        st.sampled_from(["m.room.encrypted", "m.room_key.withheld", "m.room_key_request", "m.dummy"])
    )
    device_id = await _device_id(world)
    curve25519 = world.server.devices[LUCIA][device_id].keys["keys"][f"curve25519:{device_id}"]
    cipher = st.fixed_dictionaries(
        {},
        optional={
            "type": st.integers(-1, 2) | _rubbish,
            "body": st.sampled_from(["", "AwoB", "ñ"]) | _rubbish,
        },
    )
    content = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "algorithm": st.just("m.olm.v1.curve25519-aes-sha2") | _rubbish,
                "sender_key": st.just(garcia.curve25519) | _rubbish,
                "ciphertext": st.fixed_dictionaries({curve25519: cipher | _rubbish}) | _rubbish,
                "code": st.just("m.no_olm") | _rubbish,
                "room_id": _rubbish,
                "session_id": _rubbish,
                "action": st.just("request") | _rubbish,
                "body": st.fixed_dictionaries({"session_id": _rubbish}) | _rubbish,
                "requesting_device_id": _rubbish,
            },
        )
    )
    message = {"sender": garcia.user_id, "type": kind, "content": content}
    seq = await world.store({**message, "content": {}})
    await world.encryption.receive_to_device(
        seq, ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)
    )
    assert await world.is_processed(seq)
