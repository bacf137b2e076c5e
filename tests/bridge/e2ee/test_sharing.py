"""Who gets the keys of our sessions, and when: devices that come later, servers that are down, crashes."""

from typing import Any

import pytest

from bridge.e2ee.model import Decrypted
from bridge.matrix.errors import HomeserverUnreachableError
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys, works


async def test_an_account_that_never_logged_in_reads_everything_since_its_invitation(world: World):
    """Invited today, first login tomorrow: every message of every session since then is readable."""
    lopez = Client.with_identity(world.server, "@lopez:hospital", "LOPEZ1")
    before_invitation = await world.send("antes")
    said = [await world.send(f"{number}", lopez.user_id, period_msgs=2) for number in range(5)]
    await lopez.log_in()
    await world.encryption.share_history(ROOM, lopez.user_id)
    await lopez.sync()
    assert [lopez.read(event) for event in said] == ["0", "1", "2", "3", "4"]
    assert before_invitation.content["session_id"] not in lopez.rooms


async def test_a_second_device_reads_the_history_too(world: World, garcia: Client):
    """A change of the device list brings a new device all sessions since its owner became a recipient."""
    said = [await world.send(f"{number}", garcia.user_id, period_msgs=1) for number in range(3)]
    second = garcia.another("SECOND")
    await second.log_in()
    await world.encryption.device_lists_changed([garcia.user_id, "@nobody:we.know"], [])
    await second.sync()
    assert [second.read(event) for event in said] == ["0", "1", "2"]


async def test_a_device_reads_the_history_once_it_is_signed(world: World, garcia: Client):
    """A device that was told `m.unverified` gets what was withheld when its owner has verified it."""
    second = garcia.another("SECOND")
    await second.log_in(sign=False)
    said = await world.send("hola", garcia.user_id)
    await second.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    await second.sync()
    assert [content["code"] for content in second.withheld] == ["m.unverified"]
    assert second.read(said) == "hola"


async def test_the_first_message_vouches_for_its_device(world: World, garcia: Client):
    """Room keys carry our device's keys with both signatures (MSC4147), as strict clients want them."""
    await world.send("hola", garcia.user_id)
    await garcia.sync()
    ((device_id, device),) = world.server.devices[LUCIA].items()
    keys = garcia.received[0]["sender_device_keys"]
    assert keys == device.keys
    assert len(keys["signatures"][LUCIA]) == 2
    assert keys["device_id"] == device_id


async def test_a_hospital_that_is_down_does_not_hold_up_the_others(world: World, garcia: Client):
    """The message goes out; who could not be asked for is healed later."""
    await world.encryption.provision(JUAN)
    world.server.unreachable.add("hospital")
    said = await world.send("hola", garcia.user_id, JUAN)
    await world.encryption.heal()
    await garcia.sync()
    assert not garcia.rooms
    world.server.unreachable.clear()
    await world.encryption.heal()
    await garcia.sync()
    assert garcia.read(said) == "hola"


async def test_a_device_without_one_time_keys_is_healed(world: World, garcia: Client):
    """It is told `m.no_olm` once, and gets the session when it has keys again."""
    world.server.devices[garcia.user_id]["GARCIA1"].one_time_keys.clear()
    said = await world.send("hola", garcia.user_id)
    await world.encryption.heal()
    await garcia.sync()
    assert [content["code"] for content in garcia.withheld] == ["m.no_olm"]
    await garcia.add_one_time_keys(5)
    world.clock.pass_by(seconds=5)
    await world.encryption.heal()
    await garcia.sync()
    assert garcia.read(said) == "hola"
    world.server.calls.clear()
    await world.encryption.heal()
    assert world.server.calls == []


async def test_a_one_time_key_that_the_device_did_not_sign_is_not_used(world: World, garcia: Client):
    """A homeserver can't put its own key in place of the device's."""
    for key in world.server.devices[garcia.user_id]["GARCIA1"].one_time_keys.values():
        key["key"] = Client(world.server, "@eve:x", "E").curve25519
    await world.send("hola", garcia.user_id)
    await garcia.sync()
    assert [content["code"] for content in garcia.withheld] == ["m.no_olm"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["keys_query", "keys_claim", "send_to_device"])
async def test_sharing_goes_on_after_a_crash(world: World, garcia: Client, step: str, moment: str):
    """Interrupted before or after any request, a new process gives everybody the key, and no index twice."""
    first = await world.send("uno")
    setattr(world.server, moment, failing_keys(UNREACHABLE, step))
    with pytest.raises(HomeserverUnreachableError):
        await world.prepare(garcia.user_id)
    setattr(world.server, moment, works)
    world.encryption = world.restarted()
    second = await world.send("dos", garcia.user_id)
    await garcia.sync()
    assert garcia.read(second) == "dos"
    assert first.content["session_id"] != second.content["session_id"]


async def test_later_devices_are_served_after_a_crash(world: World, garcia: Client):
    """A share of history that broke off is finished by heal, in another process."""
    said = [await world.send(f"{number}", garcia.user_id, period_msgs=1) for number in range(3)]
    second = garcia.another("SECOND")
    await second.log_in()

    def break_after_one(method: str) -> None:
        if method == "send_to_device" and world.server.devices[garcia.user_id]["SECOND"].inbox:
            raise HomeserverUnreachableError

    world.server.before = break_after_one
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.device_lists_changed([garcia.user_id], [])
    world.server.before = works
    await world.restarted().heal()
    await second.sync()
    assert [second.read(event) for event in said] == ["0", "1", "2"]


async def test_two_devices_with_one_identity_key_do_not_share_a_ratchet_step(world: World, garcia: Client):
    """Somebody who publishes a device twice gets two different Olm messages."""
    twin = garcia.another("TWIN")
    twin.account = garcia.account
    await twin.log_in(one_time_keys=0)
    await world.send("uno", garcia.user_id)  # one claims a key, both use the session
    inbox = [
        message["content"]["ciphertext"][garcia.curve25519]["body"]
        for device in world.server.devices[garcia.user_id].values()
        for message in device.inbox
        if message["type"] == "m.room.encrypted"
    ]
    assert len(set(inbox)) == len(inbox)
    assert len(inbox) > 0


async def test_people_who_left_are_asked_for_again(world: World, garcia: Client):
    """Who shares no room with us may change devices unheard, so she is asked for before the next message."""
    await world.send("uno", garcia.user_id)
    await world.encryption.device_lists_changed([], [garcia.user_id])
    second = garcia.another("SECOND")
    await second.log_in()
    said = await world.send("dos", garcia.user_id)
    await second.sync()
    assert second.read(said) == "dos"


async def test_a_device_with_the_id_of_ours_gets_the_key(world: World):
    """Whoever calls her device as ours is called is not taken for us (gap 1)."""
    own = await world.encryption.device_of(LUCIA)
    assert own is not None
    namesake = Client(world.server, "@lopez:hospital", own.device_id)
    await namesake.log_in()
    said = await world.send("hola", namesake.user_id)
    await namesake.sync()
    assert namesake.read(said) == "hola"


@pytest.mark.parametrize("gone", [True, False])
async def test_a_device_shut_out_while_it_is_given_a_key(world: World, garcia: Client, gone: bool):  # noqa: FBT001
    """The session whose key it was just being given ends, though nobody has written down yet that it has it."""
    second = garcia.another("SECOND")
    await second.log_in()
    inner = world.server.send_to_device

    async def shut_out_meanwhile(**arguments: Any) -> None:
        await inner(**arguments)
        world.server.send_to_device = inner
        await second.sync()
        if gone:
            del world.server.devices[garcia.user_id]["SECOND"]
        else:
            await second.log_in(sign=False)
        await world.restarted().device_lists_changed([garcia.user_id], [])

    world.server.send_to_device = shut_out_meanwhile
    said = await world.send("hola", garcia.user_id)
    assert second.rooms
    assert said.content["session_id"] not in second.rooms
    await garcia.sync()
    assert garcia.read(said) == "hola"


async def test_a_newcomer_gets_her_keys_when_she_is_new_no_more(world: World, garcia: Client):
    """Nobody waits for her: the message goes out and others have its key; then she gets it, in that room alone."""
    lopez = Client.with_identity(world.server, "@lopez:hospital", "LOPEZ1")
    await lopez.log_in()
    world.new |= {(ROOM, garcia.user_id), ("!other", garcia.user_id)}
    said = await world.send("hola", garcia.user_id, lopez.user_id)
    await world.prepare(garcia.user_id, room_id="!other")
    for at_work in (world.encryption, world.restarted()):
        await at_work.heal()
        await at_work.share_history(ROOM, garcia.user_id)
        await at_work.device_lists_changed([garcia.user_id], [])
    for client in (garcia, lopez):
        await client.sync()
    assert lopez.read(said) == "hola"
    assert not garcia.rooms
    world.new.discard((ROOM, garcia.user_id))
    await world.encryption.share_history(ROOM, garcia.user_id)
    await garcia.sync()
    assert garcia.read(said) == "hola"
    assert len(garcia.rooms) == 1


async def test_our_own_are_never_new(world: World):
    """Their devices are here: a managed representative who stands invited gets the key at once."""
    await world.encryption.provision(JUAN)
    world.new.add((ROOM, JUAN))
    said = await world.send("hola", JUAN)
    await world.deliver(JUAN)
    assert isinstance(await world.read(said, reader=JUAN), Decrypted)
