"""A user who is deactivated leaves no key behind, and is the same person when she comes back."""

import pytest
import vodozemac

from bridge.e2ee.model import Decrypted
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys


def _devices(world: World, user_id: str = LUCIA) -> list[str]:
    return [name for name, device in world.server.devices[user_id].items() if device.keys is not None]


async def test_who_comes_back_hears_and_is_heard(world: World, garcia: Client):
    """Forgotten and made again by other processes, while one that knew the old device goes on running."""
    await world.send("antes", garcia.user_id)
    (old,) = _devices(world)
    identity = world.server.cross_signing[LUCIA]["master_key"]["keys"]
    await world.restarted().forget_device(LUCIA)
    await world.restarted().provision(LUCIA)
    (new,) = _devices(world)
    assert new != old
    assert world.server.cross_signing[LUCIA]["master_key"]["keys"] == identity
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    (message,) = world.server.take_inbox(LUCIA, new)
    await world.receive(LUCIA, new, message)
    (read,) = await world.encryption.decrypt(LUCIA, [garcia.say(session, "bienvenida")])
    assert isinstance(read, Decrypted)
    said = await world.send("gracias", garcia.user_id)
    assert said.content["device_id"] == new
    await garcia.sync()
    assert garcia.read(said) == "gracias"


async def test_who_comes_back_is_no_stranger_to_our_own_users(world: World):
    """No change of identity is seen, what she said before stays readable, and the new device gets keys."""
    await world.encryption.provision(JUAN)
    before = await world.send("antes", JUAN)
    await world.deliver(JUAN)
    other = world.restarted()
    await other.forget_device(LUCIA)
    await other.provision(LUCIA)
    after = await world.send("después", JUAN)
    await world.deliver(JUAN)
    assert await world.encryption.identities.waiting() == []
    assert all(isinstance(read, Decrypted) for read in await world.encryption.decrypt(JUAN, [before, after]))


async def test_nobody_encrypts_to_a_device_that_was_forgotten(world: World, garcia: Client):
    """It is gone from the homeserver, and nobody of ours shares keys with it."""
    await world.encryption.provision(JUAN)
    await world.prepare(LUCIA, sender=JUAN)
    await world.encryption.forget_device(LUCIA)
    assert _devices(world) == []
    world.server.calls.clear()
    await world.prepare(LUCIA, garcia.user_id, sender=JUAN)
    assert world.server.calls.count("keys_query") == 1


async def test_forgetting_may_be_repeated(world: World):
    """A homeserver that does not answer leaves all as it was; one that refuses for good stops nothing."""
    world.server.before = failing_keys(UNREACHABLE)
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.forget_device(LUCIA)
    assert await world.encryption.device_of(LUCIA) is not None
    not_registered = MatrixError(status=403, errcode="M_FORBIDDEN", message="not registered")
    world.server.before = failing_keys(not_registered)
    for _ in range(2):
        await world.encryption.forget_device(LUCIA)
    assert await world.encryption.device_of(LUCIA) is None
    assert await world.encryption.all_devices() == []


async def test_coming_and_going_again_keeps_the_identity(world: World):
    """However often."""
    identity = world.server.cross_signing[LUCIA]
    for _ in range(2):
        await world.encryption.forget_device(LUCIA)
        await world.encryption.provision(LUCIA)
        shown = world.server.cross_signing[LUCIA]["master_key"]["keys"]
        assert shown == identity["master_key"]["keys"]
    assert len(_devices(world)) == 1
