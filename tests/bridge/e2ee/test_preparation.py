"""Which session is used, and when a new one begins."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.e2ee.errors import SessionNotReadyError
from bridge.matrix.errors import HomeserverUnreachableError
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import ROTATION, World
from tests.bridge.trouble import UNREACHABLE, failing_keys, works


async def _session(world: World, *recipients: str, **rotation: int) -> str:
    return (await world.send("x", *recipients, **rotation)).content["session_id"]


async def test_a_restart_goes_on_in_the_same_session(world: World, garcia: Client):
    """Outbound sessions are persisted, with their index (gap 3)."""
    await world.prepare(garcia.user_id)
    first = await world.say("uno")
    world.encryption = world.restarted()
    await world.prepare(garcia.user_id)
    second = await world.say("dos")
    await garcia.sync()
    assert first.content["session_id"] == second.content["session_id"]
    assert [garcia.read(said) for said in (first, second)] == ["uno", "dos"]


async def test_a_session_ends_after_so_many_messages(world: World, garcia: Client):
    """`rotation_period_msgs` is kept to, even between two prepares (gap 4)."""
    first = await _session(world, garcia.user_id, period_msgs=2)
    await world.say("x")
    with pytest.raises(SessionNotReadyError):
        await world.say("x")
    assert await _session(world, garcia.user_id, period_msgs=2) != first


async def test_a_session_ends_after_so_long(world: World, garcia: Client):
    """`rotation_period_ms` is kept to, even between two prepares (gap 4)."""
    first = await _session(world, garcia.user_id, period_ms=60_000)
    world.clock.pass_by(seconds=60)
    with pytest.raises(SessionNotReadyError):
        await world.say("x")
    assert await _session(world, garcia.user_id, period_ms=60_000) != first


async def test_a_session_ends_when_recipients_change(world: World, garcia: Client):
    """Someone added or gone means a new session; the same people, in any process, the same one (gap 4)."""
    await world.encryption.provision(JUAN)
    alone = await _session(world, garcia.user_id)
    both = await _session(world, garcia.user_id, JUAN)
    world.encryption = world.restarted()
    assert await _session(world, JUAN, garcia.user_id) == both
    alone_again = await _session(world, garcia.user_id)
    assert len({alone, both, alone_again}) == 3


async def test_a_session_ends_when_a_device_that_has_it_is_gone(world: World, garcia: Client):
    """A logged-out device reads nothing that is said afterwards (gap 4)."""
    second = garcia.another("SECOND")
    await second.log_in()
    first = await _session(world, garcia.user_id)
    del world.server.devices[garcia.user_id]["SECOND"]
    await world.encryption.device_lists_changed([garcia.user_id], [])
    with pytest.raises(SessionNotReadyError):
        await world.say("x")
    assert await _session(world, garcia.user_id) != first


async def test_a_session_goes_on_when_a_device_is_added(world: World, garcia: Client):
    """A new device gets the session that is in use."""
    first = await _session(world, garcia.user_id)
    second = garcia.another("SECOND")
    await second.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    assert await _session(world, garcia.user_id) == first
    await second.sync()
    assert list(second.rooms) == [first]


async def test_nothing_is_encrypted_before_a_change_was_looked_at(world: World, garcia: Client):
    """Once the homeserver says that devices changed, encrypting waits for the query, even if it failed."""
    await world.prepare(garcia.user_id)
    world.server.before = failing_keys(UNREACHABLE, "keys_query")
    with pytest.raises(HomeserverUnreachableError):
        await world.encryption.device_lists_changed([garcia.user_id], [])
    with pytest.raises(SessionNotReadyError):
        await world.say("x")
    with pytest.raises(HomeserverUnreachableError):
        await world.prepare(garcia.user_id)
    world.server.before = works
    await world.prepare(garcia.user_id)
    assert await world.say("x")


async def test_a_change_during_the_query_is_not_lost(world: World, garcia: Client):
    """A device that appears while its owner is being asked for is asked for again."""
    await world.prepare(garcia.user_id)
    second = garcia.another("SECOND")
    inner = world.server.keys_query

    async def answer_is_old(*, user_id: str, users: list[str]) -> dict:
        answer = await inner(user_id=user_id, users=users)
        world.server.keys_query = inner
        await second.log_in()
        await world.restarted().device_lists_changed([], [garcia.user_id])  # told meanwhile, not yet asked
        return answer

    world.server.keys_query = answer_is_old
    await world.encryption.device_lists_changed([garcia.user_id], [])
    await world.prepare(garcia.user_id)
    said = await world.say("x")
    await second.sync()
    assert second.read(said) == "x"


async def test_other_processes_sessions_are_not_mistaken_for_ours(world: World, garcia: Client):
    """What was prepared for some people is not encrypted with a session that is for others."""
    await world.encryption.provision(JUAN)
    await world.prepare(garcia.user_id)
    other = world.restarted()
    await other.prepare(
        user_id=LUCIA, room_id=ROOM, recipients=frozenset({garcia.user_id, JUAN}), rotation=ROTATION
    )
    with pytest.raises(SessionNotReadyError):
        await world.say("only for García")


async def test_preparing_at_once_makes_one_session(world: World, garcia: Client):
    """Several prepares, in two processes, end with a session that works."""
    other = world.restarted()
    await asyncio.gather(
        *(
            machine.prepare(
                user_id=LUCIA, room_id=ROOM, recipients=frozenset({garcia.user_id}), rotation=ROTATION
            )
            for machine in (world.encryption, other, world.encryption, other)
        )
    )
    said = await world.send("x", garcia.user_id)
    await garcia.sync()
    assert garcia.read(said) == "x"


async def test_a_removed_persons_later_devices_get_nothing_more(world: World, garcia: Client):
    """Who is no recipient any more gets no keys on devices made afterwards, not even of what she could read."""
    await _session(world, garcia.user_id)
    await _session(world)
    late = garcia.another("LATE")
    await late.log_in()
    await world.encryption.device_lists_changed([garcia.user_id], [])
    await late.sync()
    assert not late.rooms


async def test_people_without_any_device_do_not_stand_in_the_way(world: World):
    """An account that never logged in, or does not exist, is waited for by nobody."""
    await world.prepare("@lopez:hospital")
    assert await world.say("x")


@pytest.mark.parametrize("sign", [True, False])
async def test_only_signed_devices_where_there_is_an_identity(world: World, garcia: Client, sign: bool):  # noqa: FBT001
    """A device that its owner's identity did not sign is told `m.unverified`."""
    del world.server.devices[garcia.user_id]["GARCIA1"]
    device = garcia.another("NEW")
    await device.log_in(sign=sign)
    said = await _session(world, garcia.user_id)
    await device.sync()
    assert (said in device.rooms) == sign
    assert [content["code"] for content in device.withheld] == ([] if sign else ["m.unverified"])
    if not sign:
        assert device.withheld[0]["session_id"] == said
        assert device.withheld[0]["room_id"] == ROOM


@pytest.mark.parametrize("strict", [True, False])
async def test_people_without_an_identity(world: World, strict: bool):  # noqa: FBT001
    """Their devices get keys, unless `only_signed_devices` is set."""
    world.encryption = world.restarted(only_signed_devices=strict)
    plain = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await plain.log_in()
    said = await _session(world, plain.user_id)
    await plain.sync()
    assert (said in plain.rooms) == (not strict)
    assert bool(plain.withheld) == strict


async def test_an_identity_made_later_shuts_unsigned_devices_out(world: World):
    """Once a person has an identity, her unsigned devices read nothing more."""
    plain = Client(world.server, "@lopez:hospital", "LOPEZ1")
    await plain.log_in()
    before = await _session(world, plain.user_id)
    plain.master, plain.self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await plain.publish_identity()
    await world.encryption.device_lists_changed([plain.user_id], [])
    after = await _session(world, plain.user_id)
    await plain.sync()
    assert before in plain.rooms
    assert after not in plain.rooms
