"""The machine speaks with real vodozemac clients that share none of its code."""

import pytest
import vodozemac

from bridge.e2ee.errors import NoDeviceError, SessionNotReadyError
from bridge.e2ee.model import Decrypted
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import World


async def test_a_doctor_reads_what_our_user_says(world: World, garcia: Client):
    """What is encrypted after prepare is readable on the recipient's device."""
    await world.prepare(garcia.user_id)
    said = await world.say("hola ñ 😀")
    await garcia.sync()
    assert garcia.read(said) == "hola ñ 😀"


async def test_our_user_reads_what_a_doctor_says(world: World, garcia: Client):
    """A room key that came to our device opens events, with or without the deprecated fields (gap 8)."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    (seq,) = await world.deliver(LUCIA)
    assert await world.is_processed(seq)
    without = garcia.say(session, "buenos días")
    assert "sender_key" not in without.content
    results = await world.encryption.decrypt(LUCIA, [without])
    assert results == [Decrypted("m.room.message", {"msgtype": "m.text", "body": "buenos días"})]


async def test_our_users_read_each_other_and_themselves(world: World):
    """Two of our users hold the same session and neither loses it to the other (gap 2)."""
    await world.encryption.provision(JUAN)
    await world.prepare(JUAN)
    said = await world.say("hola")
    await world.deliver(JUAN)
    for reader in (JUAN, LUCIA):
        (read,) = await world.encryption.decrypt(reader, [said])
        assert read == Decrypted("m.room.message", {"msgtype": "m.text", "body": "hola"})


async def test_a_relation_stays_readable_for_the_homeserver(world: World, garcia: Client):
    """`m.relates_to` is in the clear text of the event, as the specification wants."""
    await world.prepare(garcia.user_id)
    relation = {"m.in_reply_to": {"event_id": "$before"}}
    said = await world.say("sí", **{"m.relates_to": relation})
    assert said.content["m.relates_to"] == relation
    (read,) = await world.encryption.decrypt(LUCIA, [said])
    assert isinstance(read, Decrypted)
    assert read.content["m.relates_to"] == relation


async def test_a_user_without_a_device_cannot_send(world: World):
    """Who has no device here is refused, and so is who did not prepare."""
    with pytest.raises(NoDeviceError):
        await world.prepare(LUCIA, sender=JUAN)
    with pytest.raises(NoDeviceError):
        await world.say("hola", sender=JUAN)
    with pytest.raises(SessionNotReadyError):
        await world.say("hola")


async def test_preparing_again_asks_nobody(world: World, garcia: Client):
    """With a session that fits, prepare makes no request."""
    await world.prepare(garcia.user_id)
    world.server.calls.clear()
    await world.prepare(garcia.user_id)
    world.encryption = world.restarted()
    await world.prepare(garcia.user_id)
    assert world.server.calls == []


async def test_devices_are_listed_and_forgotten(world: World, garcia: Client):
    """A forgotten user has no device and no keys left."""
    await world.encryption.provision(JUAN)
    assert [device.user_id for device in await world.encryption.all_devices()] == [JUAN, LUCIA]
    await world.prepare(garcia.user_id)
    said = await world.say("hola")
    await world.encryption.forget_device(LUCIA)
    assert await world.encryption.device_of(LUCIA) is None
    (read,) = await world.encryption.decrypt(LUCIA, [said])
    assert not isinstance(read, Decrypted)
    with pytest.raises(NoDeviceError):
        await world.say("hola")


async def test_catching_up_when_a_session_is_unknown(world: World, garcia: Client):
    """With `catch_up_missing`, what waits for the device is fetched before giving up."""
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    caught_up = []

    async def catch_up(user_id: str, device_id: str) -> None:
        caught_up.append((user_id, device_id))
        await world.deliver(user_id)

    world.encryption = world.restarted(catch_up=catch_up)
    said = garcia.say(session, "hola")
    (read,) = await world.encryption.decrypt(LUCIA, [said], catch_up_missing=True)
    assert isinstance(read, Decrypted)
    await world.encryption.decrypt(LUCIA, [said], catch_up_missing=True)
    assert len(caught_up) == 1


async def test_idle_accounts_leave_memory(world: World, garcia: Client):
    """White box: accounts loaded for sending are dropped after the idle time, and come back when needed."""
    await world.prepare(garcia.user_id)
    accounts = world.encryption._devices._accounts
    assert list(accounts) == [LUCIA]
    world.clock.pass_by(hours=1)
    await world.encryption.unload_idle()
    assert not world.encryption._devices._accounts
    await world.prepare(JUAN)
    assert await world.say("hola", room_id=ROOM)
