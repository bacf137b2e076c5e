"""bridge/e2ee/renewing.py: after an older copy of the database, people go on as themselves."""

import pytest
import vodozemac

from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Decrypted
from bridge.matrix.errors import HomeserverUnreachableError
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys


async def renew(encryption: Encryption) -> None:
    """As the command does it."""
    await encryption.renewing.renew(LUCIA)
    await encryption.provision(LUCIA)


def devices_of(world: World) -> list[str]:
    """The ids of Lucía's devices at the homeserver."""
    return [name for name, device in world.server.devices[LUCIA].items() if device.keys is not None]


async def test_a_renewed_device_goes_on_where_the_old_one_may_not(world: World, garcia: Client):
    """Another device of the same identity; what was sent and received before is readable."""
    before = await world.send("antes", garcia.user_id)
    session = vodozemac.GroupSession()
    (old,) = devices_of(world)
    await garcia.give(LUCIA, session)
    (message,) = world.server.take_inbox(LUCIA, old)
    await world.receive(LUCIA, old, message)
    answered = garcia.say(session, "respuesta")
    identity = world.server.cross_signing[LUCIA]["master_key"]["keys"]
    await renew(world.restarted())
    (new,) = devices_of(world)
    assert new != old
    assert world.server.cross_signing[LUCIA]["master_key"]["keys"] == identity
    after = await world.send("después", garcia.user_id)
    assert after.content["session_id"] != before.content["session_id"]
    assert after.content["device_id"] == new
    await garcia.sync()
    assert [garcia.read(said) for said in (before, after)] == ["antes", "después"]
    read = await world.encryption.decrypt(LUCIA, [before, answered, after])
    assert all(isinstance(one, Decrypted) for one in read)


async def test_whatever_she_has_at_the_homeserver_goes(world: World, garcia: Client):
    """A device of an earlier renewal, of which the copy knows nothing, gets no more keys either."""
    await world.send("antes", garcia.user_id)
    await world.server.put_device(user_id=LUCIA, device_id="VCEARLIER", display_name="x")
    (old,) = devices_of(world)
    world.server.devices[LUCIA]["VCEARLIER"].keys = world.server.devices[LUCIA][old].keys
    await renew(world.encryption)
    (new,) = devices_of(world)
    assert new not in (old, "VCEARLIER")


async def test_a_homeserver_that_was_set_back_too_gets_her_account_again(world: World, garcia: Client):
    """It is asked for her devices only when it knows her; her identity is the same."""
    await world.send("antes", garcia.user_id)
    identity = world.server.cross_signing.pop(LUCIA)["master_key"]["keys"]
    world.server.devices.pop(LUCIA)
    world.server.calls.clear()
    await renew(world.encryption)
    assert world.server.calls[0] == "register"
    assert len(devices_of(world)) == 1
    assert world.server.cross_signing[LUCIA]["master_key"]["keys"] == identity


async def test_an_interrupted_renewal_is_finished(world: World, garcia: Client):
    """By the bridge that is started, or by renewing again: at no instant has she no device that we know of."""
    await world.send("antes", garcia.user_id)
    identity = world.server.cross_signing[LUCIA]["master_key"]["keys"]
    await world.encryption.renewing.renew(LUCIA)
    assert await world.encryption.renewing.holders() == [LUCIA]
    await world.restarted().heal()
    assert len(devices_of(world)) == 1
    await renew(world.restarted())
    assert len(devices_of(world)) == 1
    assert world.server.cross_signing[LUCIA]["master_key"]["keys"] == identity


async def test_a_homeserver_that_does_not_answer_leaves_all_as_it_was(world: World, garcia: Client):
    """Nothing is ended here whose other half may still be there."""
    await world.send("antes", garcia.user_id)
    before = devices_of(world)
    world.server.before = failing_keys(UNREACHABLE)
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.renewing.renew(LUCIA)
    world.server.before = lambda _method: None
    assert devices_of(world) == before
    assert (await world.encryption.device_of(LUCIA)) is not None


async def test_others_are_asked_for_their_devices_again(world: World, garcia: Client):
    """She may have got one that the copy knows nothing of."""
    await world.send("antes", garcia.user_id)
    world.server.calls.clear()
    await world.encryption.renewing.ask_anew()
    await world.send("después", garcia.user_id)
    assert "keys_query" in world.server.calls
