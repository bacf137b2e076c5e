"""Room key requests: a device gets again what it had, and nobody anything else."""

from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA, ROOM
from tests.bridge.e2ee.world import World


async def _requests(world: World, client: Client, session_id: str, **changes: object) -> int:
    device = await world.encryption.device_of(LUCIA)
    assert device is not None
    content = {
        "action": "request",
        "requesting_device_id": client.device_id,
        "request_id": "1",
        "body": {"algorithm": "m.megolm.v1.aes-sha2", "room_id": ROOM, "session_id": session_id},
        **changes,
    }
    message = {"sender": client.user_id, "type": "m.room_key_request", "content": content}
    return await world.receive(LUCIA, device.device_id, message)


async def test_a_device_may_ask_again_for_what_it_had(world: World, garcia: Client):
    """A room key request is answered to the device that was given the session."""
    said = await world.send("hola", garcia.user_id)
    session_id = said.content["session_id"]
    await garcia.sync()
    garcia.rooms.clear()
    assert await world.is_processed(await _requests(world, garcia, session_id))
    await garcia.sync()
    assert garcia.read(said) == "hola"


async def test_nobody_else_gets_a_session_by_asking(world: World, garcia: Client):
    """Not another user, not a device that was never entitled, not by a cancelled or a broken request."""
    said = await world.send("hola", garcia.user_id)
    session_id = said.content["session_id"]
    eve = Client(world.server, "@eve:hospital", "EVE")
    await eve.log_in()
    unsigned = garcia.another("UNSIGNED")
    await unsigned.log_in(sign=False)
    await garcia.sync()
    garcia.rooms.clear()
    for client in (eve, unsigned):
        await _requests(world, client, session_id)
    await _requests(world, garcia, session_id, action="request_cancellation")
    await _requests(world, garcia, session_id, body="rubbish")
    await _requests(world, garcia, session_id, requesting_device_id=["GARCIA1"])
    await _requests(world, garcia, "no such session")
    await world.encryption.heal()
    for client in (eve, unsigned, garcia):
        await client.sync()
        assert not client.rooms
