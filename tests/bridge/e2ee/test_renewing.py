"""bridge/e2ee/renewing.py: after an older copy of the database, people go on as themselves."""

import vodozemac

from bridge.e2ee.model import Decrypted
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World


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
    other = world.restarted()
    await other.renewing.retire(LUCIA)
    await other.provision(LUCIA)
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


async def test_nothing_is_retired_twice(world: World, garcia: Client):
    """Nor does it matter that there was nothing to retire."""
    await world.send("antes", garcia.user_id)
    for _ in range(2):
        await world.encryption.renewing.retire(LUCIA)
        assert devices_of(world) == []
        assert await world.encryption.renewing.holders() == []


async def test_others_are_asked_for_their_devices_again(world: World, garcia: Client):
    """She may have got one that the copy knows nothing of."""
    await world.send("antes", garcia.user_id)
    world.server.calls.clear()
    await world.encryption.renewing.ask_anew()
    await world.send("después", garcia.user_id)
    assert "keys_query" in world.server.calls
