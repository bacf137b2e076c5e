"""Devices that have no one-time keys left: asked again with patience, waited for by nobody."""

from typing import Any

import pytest
from sqlalchemy import func, select

from bridge.matrix.errors import HomeserverUnreachableError
from bridge.storage.e2ee import keyless_devices
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys, works


@pytest.fixture
async def keyless(world: World, garcia: Client) -> Client:
    """A doctor whose device has no one-time keys."""
    world.server.devices[garcia.user_id][garcia.device_id].one_time_keys.clear()
    return garcia


def _claims(world: World) -> int:
    """How many claims there were since the last look."""
    claims = world.server.calls.count("keys_claim")
    world.server.calls.clear()
    return claims


async def _noted(world: World) -> int:
    async with world.database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(keyless_devices)) or 0


async def test_the_pauses_double(world: World, keyless: Client):
    """Asked after 5 s, then 10 s, …, and in the end every quarter of an hour."""
    await world.send("hola", keyless.user_id)
    assert _claims(world) == 1
    for pause in (5, 10, 20, 40, 80, 160, 320, 640, 900, 900):
        world.clock.pass_by(seconds=pause - 1)
        await world.encryption.heal()
        assert _claims(world) == 0
        world.clock.pass_by(seconds=1)
        await world.encryption.heal()
        assert _claims(world) == 1


async def test_one_claim_for_all_sessions(world: World, keyless: Client):
    """However many sessions it lacks, each attempt is one claim, and one that works brings all of them."""
    said = [await world.send(f"{number}", keyless.user_id, period_msgs=1) for number in range(4)]
    assert _claims(world) == 1
    world.clock.pass_by(seconds=5)
    await world.encryption.heal()
    assert _claims(world) == 1
    await keyless.add_one_time_keys(1)
    world.clock.pass_by(seconds=10)
    await world.encryption.heal()
    assert _claims(world) == 1
    await keyless.sync()
    assert [keyless.read(event) for event in said] == ["0", "1", "2", "3"]
    assert [content["code"] for content in keyless.withheld] == ["m.no_olm"]
    assert await _noted(world) == 0


async def test_sending_does_not_wait_for_the_claim(world: World, keyless: Client):
    """While a device is being asked again, by whatever process, messages go out with the session there is."""
    first = await world.send("uno", keyless.user_id)
    inner = world.server.keys_claim
    said = []

    async def send_meanwhile(**arguments: Any) -> Any:
        said.append(await world.say("dos"))
        other = World(world.database, world.server, world.clock, world.restarted())
        await other.prepare(keyless.user_id)
        said.append(await other.say("tres"))
        return await inner(**arguments)

    world.server.keys_claim = send_meanwhile
    world.clock.pass_by(seconds=5)
    await world.encryption.heal()
    assert {event.content["session_id"] for event in said} == {first.content["session_id"]}
    assert len(said) == 2


async def test_a_device_that_writes_to_us_needs_no_key(world: World, keyless: Client):
    """Its own message begins the Olm session; what it lacks comes without a claim or a pause."""
    said = await world.send("hola", keyless.user_id)
    await keyless.send_olm(LUCIA, "m.dummy", {})
    await world.deliver(LUCIA)
    world.server.calls.clear()
    await world.encryption.heal()
    assert _claims(world) == 0
    await keyless.sync()
    assert keyless.read(said) == "hola"


@pytest.mark.parametrize("step", ["keys_claim", "send_to_device"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_healing_goes_on_after_a_crash(world: World, keyless: Client, step: str, moment: str, nth: int):
    """Interrupted at any request, another process gives the device what it lacks."""
    said = [await world.send(f"{number}", keyless.user_id, period_msgs=1) for number in range(2)]
    await keyless.add_one_time_keys(5)
    world.clock.pass_by(seconds=5)
    world.server.calls.clear()

    def break_at(method: str) -> None:
        if method == step and world.server.calls.count(step) == nth:
            raise HomeserverUnreachableError

    setattr(world.server, moment, failing_keys(UNREACHABLE, step))
    await world.encryption.heal()
    setattr(world.server, moment, works)
    world.clock.pass_by(seconds=10)
    await world.restarted().heal()
    await keyless.sync()
    assert [keyless.read(event) for event in said] == ["0", "1"]
    assert await _noted(world) == 0


@pytest.mark.parametrize("left", ["device", "room", "platform"])
async def test_nobody_is_asked_in_vain(world: World, keyless: Client, left: str):
    """Once the device is gone, or its owner is no recipient, or the sender is no user of ours."""
    await world.send("hola", keyless.user_id)
    if left == "device":
        del world.server.devices[keyless.user_id][keyless.device_id]
        await world.encryption.device_lists_changed([keyless.user_id], [])
    elif left == "room":
        await world.send("hola")
    else:
        await world.encryption.forget_device(LUCIA)
    world.clock.pass_by(seconds=5)
    world.server.calls.clear()
    await world.encryption.heal()
    assert world.server.calls == []
    assert await _noted(world) == 0


async def test_a_session_begun_meanwhile_is_not_forgotten(world: World, keyless: Client):
    """A session that the device comes to lack while it is given the others follows."""
    await world.send("uno", keyless.user_id)
    await keyless.add_one_time_keys(1)
    inner = world.server.send_to_device
    said = []

    async def begin_another(**arguments: Any) -> None:
        world.server.send_to_device = inner
        await inner(**arguments)
        other = World(world.database, world.server, world.clock, world.restarted())
        await other.prepare(keyless.user_id, room_id="!other")
        said.append(await other.say("dos", room_id="!other"))

    world.server.send_to_device = begin_another
    world.clock.pass_by(seconds=5)
    await world.encryption.heal()
    await keyless.sync()
    assert keyless.read(said[0]) == "dos"
    assert await _noted(world) == 0


async def test_a_device_that_lacks_something_again_is_not_forgotten(world: World, keyless: Client):
    """A device that lacked nothing when its turn came, and does when the turn is over, is asked again."""
    lopez = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await lopez.log_in(one_time_keys=0)
    await world.prepare(keyless.user_id)
    await world.prepare(lopez.user_id, room_id="!other")
    await world.prepare(room_id="!other")
    inner = world.server.keys_claim
    said = []

    async def begin_another(**arguments: Any) -> Any:
        world.server.keys_claim = inner
        other = World(world.database, world.server, world.clock, world.restarted())
        await other.prepare(lopez.user_id, room_id="!other")
        said.append(await other.say("hola", room_id="!other"))
        return await inner(**arguments)

    world.server.keys_claim = begin_another
    world.clock.pass_by(seconds=5)
    await world.encryption.heal()
    await lopez.add_one_time_keys(1)
    world.clock.pass_by(seconds=10)
    await world.encryption.heal()
    await lopez.sync()
    assert lopez.read(said[0]) == "hola"
