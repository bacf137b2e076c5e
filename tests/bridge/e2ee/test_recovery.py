"""bridge/e2ee/recovery.py: where a channel is of no use any more, a new one begins, and not too often."""

import vodozemac

from bridge.e2ee.model import Decrypted
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World


async def test_an_unknown_one_time_key_begins_a_new_session(world: World, garcia: Client):
    """What no session opens is answered by m.dummy, once an hour, and after that messages arrive (gap 10)."""
    device_id = await world.device_id()
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
    assert await world.read(garcia.say(session, "hola")) == Decrypted(
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


async def test_being_told_that_there_is_no_channel_makes_one(world: World, garcia: Client):
    """`m.no_olm` is answered by a new Olm session."""
    content = {"algorithm": "m.megolm.v1.aes-sha2", "sender_key": garcia.curve25519, "code": "m.no_olm"}
    message = {"sender": garcia.user_id, "type": "m.room_key.withheld", "content": content}
    await world.receive(LUCIA, await world.device_id(), message)
    await garcia.sync()
    assert [payload["type"] for payload in garcia.received] == ["m.dummy"]
