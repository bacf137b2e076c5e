"""bridge/e2ee/message_indexes.py: of a message and its replays the message is shown, in whatever order they come."""

import dataclasses

import pytest
import vodozemac
from sqlalchemy import insert

from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.storage.conversations import timeline
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM, event
from tests.bridge.e2ee.world import World


async def test_a_replay_is_refused_by_any_process(world: World, garcia: Client):
    """The same message in another event is refused, after a restart and for another reader too (gap 13)."""
    await world.encryption.provision(JUAN)
    session = vodozemac.GroupSession()
    for user_id in (LUCIA, JUAN):
        await garcia.give(user_id, session)
        await world.deliver(user_id)
    said = garcia.say(session, "una vez")
    again = dataclasses.replace(said, event_id="$again")
    assert isinstance(await world.read(said), Decrypted)
    world.encryption = world.restarted()
    assert await world.read(again) == Undecryptable("replayed")
    assert await world.read(again, JUAN) == Undecryptable("replayed")
    assert isinstance(await world.read(said, JUAN), Decrypted)


async def test_of_a_message_and_its_replay_the_older_one_is_shown(world: World, garcia: Client):
    """Read together for the first time, newest first as history is read."""
    said = [garcia.say(await world.given(garcia), "una vez") for _ in range(2)]
    first = [dataclasses.replace(one, origin_server_ts=1) for one in said]
    again = [dataclasses.replace(one, event_id="$again", origin_server_ts=2) for one in said]
    for events in ([again[0], first[0]], [first[1], again[1]]):
        read = await world.encryption.decrypt(LUCIA, events)
        shown = [event for event, result in zip(events, read, strict=True) if isinstance(result, Decrypted)]
        assert [event.origin_server_ts for event in shown] == [1]


async def test_among_events_of_one_instant_the_later_in_the_list_is_the_older(world: World, garcia: Client):
    """Lists are newest first."""
    said = garcia.say(await world.given(garcia), "una vez")
    read = await world.encryption.decrypt(LUCIA, [dataclasses.replace(said, event_id="$again"), said])
    assert read[0] == Undecryptable("replayed")
    assert isinstance(read[1], Decrypted)


async def _reached_the_room(world: World, *event_ids: str) -> None:
    async with world.database.write() as connection:
        for event_id in event_ids:
            values = {"room_id": ROOM, "sender": "@x:y", "sent_at": world.clock(), "is_message": True}
            await connection.execute(insert(timeline).values(event_id=event_id, **values))


@pytest.mark.parametrize("pretended_ts", [1, 9])
async def test_a_replay_that_was_read_first_loses_to_the_message(
    world: World, garcia: Client, pretended_ts: int
):
    """Neither was readable when it came, and the newer page was read first; whatever its server says of the time."""
    said = garcia.say(await world.given(garcia), "una vez")
    first = dataclasses.replace(said, event_id="$first", origin_server_ts=5)
    again = dataclasses.replace(said, event_id="$again", origin_server_ts=pretended_ts)
    await _reached_the_room(world, "$first", "$again")
    assert isinstance(await world.read(again), Decrypted)
    for _ in range(2):
        assert isinstance(await world.read(first), Decrypted)
        assert await world.read(again) == Undecryptable("replayed")
    together = await world.encryption.decrypt(LUCIA, [again, first])
    assert [isinstance(result, Decrypted) for result in together] == [False, True]


async def test_a_replay_with_a_false_time_on_the_same_page_loses(world: World, garcia: Client):
    """It pretends to be the older one."""
    said = garcia.say(await world.given(garcia), "una vez")
    first = dataclasses.replace(said, event_id="$first", origin_server_ts=5)
    again = dataclasses.replace(said, event_id="$again", origin_server_ts=1)
    await _reached_the_room(world, "$first", "$again")
    read = await world.encryption.decrypt(LUCIA, [again, first])
    assert [isinstance(result, Decrypted) for result in read] == [False, True]


async def test_our_own_message_is_known_before_its_replay(world: World, garcia: Client):
    """Its index is claimed when it is sent, so a replay that is read before it is refused."""
    await world.prepare(garcia.user_id)
    async with world.database.write() as connection:
        encrypted = await world.encryption.encrypt(
            connection,
            user_id=LUCIA,
            room_id=ROOM,
            recipients=frozenset({garcia.user_id}),
            event_type="m.room.message",
            content={"body": "x"},
        )
    said = event(encrypted.content)
    async with world.database.write() as connection:
        for _ in range(2):
            await world.encryption.note_sent(
                connection,
                encrypted.content,
                message_index=encrypted.message_index,
                event_id=said.event_id,
            )
    assert await world.read(dataclasses.replace(said, event_id="$again")) == Undecryptable("replayed")
    assert isinstance(await world.read(said), Decrypted)
