"""bridge/e2ee/trust.py: who is not who she was gets nothing until an operator says so."""

from sqlalchemy import select

from bridge.storage.facts import facts
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World


async def test_the_senders_other_devices_count_too(world: World):
    """A device of her own that one of our users has besides ours counts like anybody's: unsigned, it is told."""
    own = Client(world.server, LUCIA, "HERS")
    await own.log_in()
    await world.encryption.device_lists_changed([LUCIA], [])
    await world.send("hola")
    await own.sync()
    assert [content["code"] for content in own.withheld] == ["m.unverified"]


async def test_a_changed_identity_gets_nothing_and_is_told_of(world: World, garcia: Client):
    """Pin, stop, tell: and go on once an operator accepts the new identity, the one that she was shown."""
    before = await world.send("antes", garcia.user_id)
    impostor = Client.with_identity(world.server, garcia.user_id, "IMPOSTOR")
    await impostor.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    after = await world.send("después", garcia.user_id)
    for client in (garcia, impostor):
        await client.sync()
        assert after.content["session_id"] not in client.rooms
    assert before.content["session_id"] not in impostor.rooms
    assert await world.encryption.identities.waiting() == [garcia.user_id]
    async with world.database.read() as connection:
        (fact,) = (await connection.execute(select(facts).where(facts.c.kind == "identity.changed"))).all()
    assert fact.subject == garcia.user_id

    shown = await world.encryption.identities.published(garcia.user_id)
    assert shown is not None
    assert not await world.encryption.identities.accept(garcia.user_id, master_key="another")
    assert await world.encryption.identities.waiting() == [garcia.user_id]
    assert await world.encryption.identities.accept(garcia.user_id, master_key=shown)
    await impostor.sync()
    assert impostor.read(after) == "después"
    assert await world.encryption.identities.waiting() == []


async def test_an_identity_that_disappears_is_a_changed_one(world: World, garcia: Client):
    """A homeserver can't make us forget the identity by not showing it any more."""
    await world.send("antes", garcia.user_id)
    del world.server.cross_signing[garcia.user_id]
    await garcia.another("PLANTED").log_in(sign=False)
    del world.server.cross_signing[garcia.user_id]
    await world.encryption.device_lists_changed([garcia.user_id], [])
    after = await world.send("después", garcia.user_id)
    await garcia.sync()
    assert after.content["session_id"] not in garcia.rooms
    assert await world.encryption.identities.waiting() == [garcia.user_id]


async def test_a_device_cannot_change_its_keys(world: World, garcia: Client):
    """New keys under a known device id are not the device that we knew, and get nothing."""
    await world.send("uno", garcia.user_id)
    swapped = garcia.another(garcia.device_id)
    await swapped.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    world.server.devices[garcia.user_id][garcia.device_id].inbox.clear()
    await world.send("dos", garcia.user_id)
    assert world.server.devices[garcia.user_id][garcia.device_id].inbox == []
