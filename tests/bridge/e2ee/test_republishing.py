"""A device that the homeserver lost is made there again."""

import vodozemac

from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World


async def test_a_device_that_the_homeserver_lost_is_made_again(world: World, garcia: Client):
    """Under the same keys, with new one-time keys; until then it is no device of ours."""
    ((device_id, _),) = world.server.devices[LUCIA].items()
    lost = world.server.devices[LUCIA].pop(device_id)
    await world.encryption.republish(LUCIA, "VCANOTHER")
    assert await world.encryption.device_of(LUCIA) is not None
    for _ in range(2):
        await world.encryption.republish(LUCIA, device_id)
    assert await world.restarted().device_of(LUCIA) is None
    await world.encryption.heal()
    device = world.server.devices[LUCIA][device_id]
    assert device.keys == lost.keys
    assert len(device.one_time_keys) == 50
    assert not set(device.one_time_keys) & set(lost.one_time_keys)
    assert device.fallback_keys.keys() != lost.fallback_keys.keys()
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    await world.deliver(LUCIA)
    (read,) = await world.encryption.decrypt(LUCIA, [garcia.say(session, "hola")])
    assert read.content["body"] == "hola"
