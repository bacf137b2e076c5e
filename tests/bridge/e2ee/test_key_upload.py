"""Making a device, and keeping its one-time keys in supply."""

import pytest
import vodozemac

from bridge.e2ee.identities import published
from bridge.e2ee.signing import is_signed_by
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA
from tests.bridge.e2ee.world import World
from tests.bridge.trouble import UNREACHABLE, failing_keys, works

_STEPS = [
    "register",
    "put_device",
    "keys_query",
    "device_signing_upload",
    "keys_upload",
    "signatures_upload",
]


async def _identity(world: World, user_id: str):
    answer = await world.server.keys_query(user_id=user_id, users=[user_id])
    return published(answer, user_id=user_id, pinned_master=None)


async def test_device_ids_are_unique_across_users(world: World):
    """No two of our devices have the same id, whoever owns them (gap 1)."""
    await world.encryption.provision(JUAN)
    devices = await world.encryption.all_devices()
    assert len({device.device_id for device in devices}) == 2
    assert all(device.device_id.startswith("VC") for device in devices)


async def test_the_device_is_cross_signed(world: World):
    """Master, self-signing and user-signing keys exist, and the chain holds for the device (gap 5)."""
    found = await _identity(world, LUCIA)
    assert [device.signed for device in found.devices] == [True]
    keys = world.server.cross_signing[LUCIA]
    assert set(keys) == {"master_key", "self_signing_key", "user_signing_key"}
    for name in ("self_signing_key", "user_signing_key"):
        assert is_signed_by(keys[name], user_id=LUCIA, key_id=found.master_key, public_key=found.master_key)
    (device,) = found.devices
    assert is_signed_by(keys["master_key"], user_id=LUCIA, key_id=device.device_id, public_key=device.ed25519)


async def test_nobody_ever_sees_the_device_unsigned(world: World):
    """Its keys come signed, and after those that they are signed with: a server may ask at any moment."""
    world.server.before = failing_keys(UNREACHABLE, "signatures_upload")
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.provision(JUAN)
    world.server.before = works
    assert [device.signed for device in (await _identity(world, JUAN)).devices] == [True]


@pytest.mark.parametrize("others", [1, 2, 3])
async def test_another_process_may_publish_the_same_identity(
    world: World, monkeypatch: pytest.MonkeyPatch, others: int
):
    """A command makes a user while `serve` heals: who comes second goes on with what is left."""
    upload = world.server.device_signing_upload

    async def come_second(*, user_id: str, body: JsonObject) -> None:
        monkeypatch.setattr(world.server, "device_signing_upload", upload)
        await upload(user_id=user_id, body=dict(list(body.items())[:others]))
        raise MatrixError(status=500, errcode="M_UNKNOWN", message="Internal server error")

    monkeypatch.setattr(world.server, "device_signing_upload", come_second)
    await world.encryption.provision(JUAN)
    assert [device.signed for device in (await _identity(world, JUAN)).devices] == [True]


async def test_an_identity_that_the_homeserver_refuses_is_told(world: World):
    """Nothing more of it is there after the failure: it isn't tried again and again."""
    broken = MatrixError(status=500, errcode="M_UNKNOWN", message="Internal server error")
    world.server.before = failing_keys(broken, "device_signing_upload")
    with pytest.raises(MatrixError):
        await world.encryption.provision(JUAN)


async def test_members_see_that_a_gateway_reads_along(world: World):
    """The device's public name says what it is."""
    name = world.server.devices[LUCIA][await world.device_id(LUCIA)].display_name
    assert "gateway" in name


async def test_a_fallback_key_is_published(world: World):
    """It is signed with `fallback: true` (gap 6)."""
    device = world.server.devices[LUCIA][await world.device_id(LUCIA)]
    ((_, key),) = device.fallback_keys.items()
    assert key["fallback"] is True
    (identity,) = (await _identity(world, LUCIA)).devices
    assert is_signed_by(key, user_id=LUCIA, key_id=identity.device_id, public_key=identity.ed25519)


async def test_provisioning_twice_does_nothing(world: World):
    """A user keeps her one device."""
    await world.encryption.provision(LUCIA)
    await world.restarted().provision(LUCIA)
    assert world.server.calls == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", _STEPS)
async def test_provisioning_goes_on_after_a_crash(world: World, step: str, moment: str):
    """Interrupted at any step, it ends with one device and never shows two identities (gap 5)."""
    setattr(world.server, moment, failing_keys(UNREACHABLE, step))
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.provision(JUAN)
    shown = world.server.cross_signing.get(JUAN)
    assert await world.encryption.device_of(JUAN) is None
    setattr(world.server, moment, works)
    world.encryption = world.restarted()
    await world.encryption.heal()
    assert await world.encryption.device_of(JUAN) is not None
    found = await _identity(world, JUAN)
    assert [device.signed for device in found.devices] == [True]
    assert len(world.server.devices[JUAN]) == 1
    assert shown in (None, world.server.cross_signing[JUAN])


async def test_one_time_keys_are_refilled(world: World):
    """Exhausted keys, reported as `{}`, are replaced by new ones; ids that are not ours are ignored."""
    device_id = await world.device_id(LUCIA)
    device = world.server.devices[LUCIA][device_id]
    old = set(device.one_time_keys)
    device.one_time_keys.clear()
    await world.encryption.key_counts({LUCIA: {device_id: {}, "masterkey": {}}, "@x:y": {"Z": {}}}, {})
    assert len(device.one_time_keys) == 50
    assert not old & set(device.one_time_keys)


async def test_somebody_elses_device_with_the_same_id_is_not_ours(world: World):
    """What is reported of a foreign device that bears the id of one of ours says nothing about ours (gap 1)."""
    world.clock.pass_by(hours=2)
    device_id = await world.device_id(LUCIA)
    before = world.server.devices[LUCIA][device_id].fallback_keys
    await world.encryption.key_counts({"@x:y": {device_id: {}}}, {"@x:y": {device_id: []}})
    assert world.server.calls == []
    assert world.server.devices[LUCIA][device_id].fallback_keys == before


async def test_an_outdated_report_makes_no_keys(world: World):
    """The homeserver is asked how many keys there are before new ones are made."""
    device_id = await world.device_id(LUCIA)
    before = dict(world.server.devices[LUCIA][device_id].one_time_keys)
    await world.encryption.key_counts({LUCIA: {device_id: {}}}, {LUCIA: {device_id: ["signed_curve25519"]}})
    assert world.server.devices[LUCIA][device_id].one_time_keys == before


async def test_a_refill_that_was_interrupted_loses_no_keys(world: World, garcia: Client):
    """Keys that reached the homeserver before the connection broke are known to the account."""
    device_id = await world.device_id(LUCIA)
    device = world.server.devices[LUCIA][device_id]
    device.one_time_keys.clear()

    def break_after_upload(_method: str) -> None:
        if device.one_time_keys:
            raise HomeserverUnreachableError

    world.server.after = break_after_upload
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.key_counts({LUCIA: {device_id: {}}}, {})
    world.server.after = works
    world.encryption = world.restarted()
    await garcia.give(LUCIA, vodozemac.GroupSession())
    await world.deliver(LUCIA)
    assert not [call for call in world.server.calls if call == "send_to_device"][1:]  # no m.dummy
    await world.encryption.key_counts({LUCIA: {device_id: {}}}, {})
    assert len(device.one_time_keys) == 50


async def test_a_used_fallback_key_is_replaced_once_an_hour(world: World):
    """Replacing it twice at once would lose the messages to the one before."""
    world.clock.pass_by(hours=2)
    device_id = await world.device_id(LUCIA)
    seen = [world.server.devices[LUCIA][device_id].fallback_keys]
    for hours in (0, 0.5, 0.6):
        world.clock.pass_by(hours=hours)
        await world.encryption.key_counts({}, {LUCIA: {device_id: []}})
        seen.append(world.server.devices[LUCIA][device_id].fallback_keys)
    assert seen[0] != seen[1] == seen[2] != seen[3]


async def test_messages_to_the_fallback_key_are_readable(world: World, garcia: Client):
    """With no one-time key left, a first message still arrives, even after the fallback key was replaced."""
    world.clock.pass_by(hours=2)
    device_id = await world.device_id(LUCIA)
    world.server.devices[LUCIA][device_id].one_time_keys.clear()
    session = vodozemac.GroupSession()
    await garcia.give(LUCIA, session)
    await world.encryption.key_counts({}, {LUCIA: {device_id: []}})
    await world.deliver(LUCIA)
    (read,) = await world.encryption.decrypt(LUCIA, [garcia.say(session, "hola")])
    assert read.content["body"] == "hola"
