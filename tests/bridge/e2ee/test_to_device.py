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
from tests.anything import anything
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys, works


async def test_the_one_time_key_is_gone_once_it_was_used(world: World, garcia: Client):
    """The account is saved with the session that used it up, so a copy of the message opens nothing (gap 11)."""
    await garcia.give(LUCIA, vodozemac.GroupSession())
    device_id = await world.device_id()
    (message,) = world.server.take_inbox(LUCIA, device_id)
    await world.receive(LUCIA, device_id, message)
    world.encryption = world.restarted()
    async with world.database.write() as connection:
        account = await world.encryption._devices.take_account(connection, LUCIA)
    part = next(iter(message["content"]["ciphertext"].values()))
    pre_key = vodozemac.AnyOlmMessage.from_parts(0, decode_base64(part["body"])).to_pre_key()
    with pytest.raises(vodozemac.SessionCreationException):
        account.create_inbound_session(garcia.account.curve25519_key, pre_key)


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
    assert await world.is_processed(await world.receive(LUCIA, await world.device_id(), message))
    said = garcia.say(session, "hola")
    assert await world.read(said) == Undecryptable("withheld:m.unverified")
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    assert isinstance(await world.read(garcia.say(session, "hola")), Decrypted)


async def test_trouble_that_passes_leaves_the_item_for_later(world: World, garcia: Client):
    """When the homeserver is down the item stays unprocessed, and the second attempt takes it in."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    device_id = await world.device_id()
    (message,) = world.server.take_inbox(LUCIA, device_id)
    seq = await world.store(message)
    event = ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)
    world.server.before = failing_keys(UNREACHABLE)
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.receive_to_device(seq, event)
    assert not await world.is_processed(seq)
    world.server.before = works
    await world.encryption.receive_to_device(seq, event)
    assert await world.is_processed(seq)
    assert isinstance(await world.read(garcia.say(session, "hola")), Decrypted)


async def test_a_refusal_for_good_is_not_tried_again(world: World, garcia: Client):
    """What the homeserver refuses to tell does not hold up the queue."""
    await garcia.give(LUCIA, vodozemac.GroupSession())
    forbidden = MatrixError(status=403, errcode="M_FORBIDDEN", message="no")
    world.server.before = failing_keys(forbidden)
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)


async def test_a_crash_before_the_commit_repeats_the_item(world: World, garcia: Client):
    """If the transaction fails, account, Olm session and room key are as before, and the item opens again."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    device_id = await world.device_id()
    (message,) = world.server.take_inbox(LUCIA, device_id)
    seq = await world.store(message)
    event = ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)
    world.encryption._to_device._now = None  # the last thing that the transaction needs
    with pytest.raises(TypeError):
        await world.encryption.receive_to_device(seq, event)
    assert not await world.is_processed(seq)
    world.encryption = world.restarted()
    await world.encryption.receive_to_device(seq, event)
    assert isinstance(await world.read(garcia.say(session, "hola")), Decrypted)


async def test_messages_to_other_devices_are_just_done(world: World, garcia: Client):
    """An item for a device or of a kind that is not ours is marked processed."""
    message = {"sender": garcia.user_id, "type": "m.room.encrypted", "content": {}}
    assert await world.is_processed(await world.receive(LUCIA, "OTHER", message))
    assert await world.is_processed(await world.receive(JUAN, "OTHER", message))
    unknown = {**message, "type": "m.key.verification.request"}
    assert await world.is_processed(await world.receive(LUCIA, await world.device_id(), unknown))


async def test_a_key_for_a_device_that_is_still_being_made_is_kept(world: World, garcia: Client):
    """Its keys are at the homeserver before its provisioning ends, which may be interrupted in between."""
    world.server.before = failing_keys(UNREACHABLE, "signatures_upload")
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.provision(JUAN)
    world.server.before = works
    session = vodozemac.GroupSession()
    await garcia.give(JUAN, session)
    ((device_id, _),) = world.server.devices[JUAN].items()
    (message,) = world.server.take_inbox(JUAN, device_id)
    assert await world.is_processed(await world.receive(JUAN, device_id, message))
    await world.encryption.provision(JUAN)
    assert isinstance(await world.read(garcia.say(session, "hola"), JUAN), Decrypted)


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
    device_id = await world.device_id()
    messages = world.server.take_inbox(LUCIA, device_id)
    world.server.devices[garcia.user_id][garcia.device_id].one_time_keys.clear()  # no recovery
    for number in order:
        await world.receive(LUCIA, device_id, messages[number])
    for number in set(order):
        assert isinstance(await world.read(garcia.say(sessions[number], "x")), Decrypted)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_rubbish_is_done_and_forgotten(world: World, garcia: Client, data: st.DataObject):
    """Whatever stands in a message, the item is processed and nothing is raised."""
    kind = data.draw(
        st.sampled_from(["m.room.encrypted", "m.room_key.withheld", "m.room_key_request", "m.dummy"])
    )
    device_id = await world.device_id()
    curve25519 = world.server.devices[LUCIA][device_id].keys["keys"][f"curve25519:{device_id}"]
    cipher = st.fixed_dictionaries(
        {},
        optional={
            "type": st.integers(-1, 2) | anything,
            "body": st.sampled_from(["", "AwoB", "ñ"]) | anything,
        },
    )
    content = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "algorithm": st.just("m.olm.v1.curve25519-aes-sha2") | anything,
                "sender_key": st.just(garcia.curve25519) | anything,
                "ciphertext": st.fixed_dictionaries({curve25519: cipher | anything}) | anything,
                "code": st.just("m.no_olm") | anything,
                "room_id": anything,
                "session_id": anything,
                "action": st.just("request") | anything,
                "body": st.fixed_dictionaries({"session_id": anything}) | anything,
                "requesting_device_id": anything,
            },
        )
    )
    message = {"sender": garcia.user_id, "type": kind, "content": content}
    seq = await world.store({**message, "content": {}})
    await world.encryption.receive_to_device(
        seq, ToDeviceEvent(**message, to_user_id=LUCIA, to_device_id=device_id)
    )
    assert await world.is_processed(seq)
