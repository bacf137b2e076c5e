"""bridge/e2ee/winding.py: what was read can be made unreadable."""

from typing import Any

import vodozemac
from sqlalchemy import select

from bridge.e2ee.model import Decrypted, EncryptedEvent, Undecryptable
from bridge.storage.e2ee import inbound_sessions
from tests.bridge.e2ee.events import JUAN, LUCIA
from tests.bridge.e2ee.world import PICKLE_KEY, World


async def forget(world: World, user_id: str, event: EncryptedEvent) -> None:
    """Forget what this user read."""
    async with world.database.write() as connection:
        await world.encryption.forget_read(connection, user_id, event)


async def read(world: World, user_id: str, *events: EncryptedEvent) -> list[Any]:
    """Bodies, or why there are none, in a process that remembers nothing."""
    results = await world.restarted().decrypt(user_id, events)
    return [one.content["body"] if isinstance(one, Decrypted) else one.reason for one in results]


async def test_up_to_what_was_read_everything_is_closed(world: World) -> None:
    """To this user only: earlier and this message can't be read any more, later ones can."""
    for user_id in (LUCIA, JUAN):
        await world.encryption.provision(user_id)
    one, two, three = [await world.send(body, LUCIA, JUAN) for body in ("uno", "dos", "tres")]
    await world.deliver(JUAN)
    assert await read(world, JUAN, one, two, three) == ["uno", "dos", "tres"]
    await forget(world, JUAN, two)
    assert await read(world, JUAN, one, two, three) == ["unknown-index", "unknown-index", "tres"]
    await forget(world, JUAN, one)
    assert await read(world, JUAN, three) == ["tres"]
    assert await read(world, LUCIA, one, two, three) == ["uno", "dos", "tres"]


async def test_what_is_left_does_not_open_what_is_closed(world: World) -> None:
    """The stored session begins after it: the ratchet goes one way only."""
    for user_id in (LUCIA, JUAN):
        await world.encryption.provision(user_id)
    one = await world.send("uno", LUCIA, JUAN)
    await world.deliver(JUAN)
    await forget(world, JUAN, one)
    query = select(inbound_sessions).where(inbound_sessions.c.user_id == JUAN)
    async with world.database.read() as connection:
        row = (await connection.execute(query)).one()
    session = vodozemac.InboundGroupSession.from_pickle(row.pickle, PICKLE_KEY)
    assert session.first_known_index == row.first_known_index == 1
    assert session.export_at(0) is None


async def test_a_session_that_is_not_there_is_fine(world: World) -> None:
    """There is nothing to forget."""
    for user_id in (LUCIA, JUAN):
        await world.encryption.provision(user_id)
    one = await world.send("uno", LUCIA)
    await forget(world, JUAN, one)
    assert await read(world, JUAN, one) == [Undecryptable("unknown-session").reason]
