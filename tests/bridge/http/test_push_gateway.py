"""bridge/http/push_gateway.py and subscriptions.py: what homeservers' pushers tell, for which browsers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from bridge.deliveries import subscriptions
from bridge.notifications.settings import PushSettings
from bridge.storage.conversations import conversations, room_members, room_upgrades
from bridge.storage.database import Database
from bridge.storage.direct_chats import direct_chats
from bridge.storage.push_subscriptions import push_subscriptions
from tests.bridge.notifications.push_world import (
    LUCIA,
    MARIA,
    ROOM,
    World,
    gateway,
    notified,
    push_world,
    read,
    represent,
)


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Lucía (managed) and María (own client), who acts for her, in a conversation."""
    async with push_world(database, tmp_path) as made:
        yield made


async def test_the_gateway_tells_browsers(world: World) -> None:
    """A pusher's event becomes one push, however often it comes; an unknown pushkey is rejected."""
    pushkey = await world.subscribe(MARIA)
    for _ in range(2):
        assert await notified(world, pushkey) == {"rejected": []}
        await world.courier.deliver_due("push")
    assert [read(push) for push in world.service.pushes] == [{"kind": "message", "conversation_id": ROOM}]
    assert await notified(world, "made-up") == {"rejected": ["made-up"]}


async def test_a_room_that_took_another_s_place(world: World) -> None:
    """The push names the conversation by its id, which is that of its first room."""
    pushkey = await world.subscribe(MARIA)
    step = {"conversation_id": "!first", "number": 1, "nonce": "n", "room_version": "13", "room_id": ROOM}
    async with world.database.write() as connection:
        await connection.execute(update(conversations).values(room_id="!first", upgraded_to=ROOM))
        await connection.execute(insert(room_upgrades).values(step | {"begun_at": world.now}))
    assert await notified(world, pushkey) == {"rejected": []}
    await world.courier.deliver_due("push")
    assert [read(push)["conversation_id"] for push in world.service.pushes] == ["!first"]


async def test_a_pusher_may_be_faster_than_her_joining(world: World) -> None:
    """What tells us that she joined comes another way: who may read is told, and nobody else."""
    pushkey = await world.subscribe(MARIA)
    async with world.database.write() as connection:
        await connection.execute(delete(room_members))
    await notified(world, pushkey)
    await world.courier.deliver_due("push")
    assert len(world.service.pushes) == 1
    async with world.database.write() as connection:
        await represent(connection, ends=world.now)
    await notified(world, pushkey, event_id="$later")
    assert len(await world.states()) == 1


async def test_her_chat_with_the_assistant_tells_her_once_she_is_in_it(world: World) -> None:
    """Her invitation is no message; what is said there later is."""
    pushkey = await world.subscribe(MARIA)
    async with world.database.write() as connection:
        times = {"created_at": world.now, "retry_at": world.now}
        rotation = {"rotation_period_msgs": 100, "rotation_period_ms": 604_800_000}
        chat = {"person": MARIA, "room_id": "!chat", "nonce": "n", "failures": 0}
        await connection.execute(insert(direct_chats).values(chat | times | rotation))
        invited = {"room_id": "!chat", "user_id": MARIA, "membership": "invite"}
        await connection.execute(insert(room_members).values(invited))
    await notified(world, pushkey, room_id="!chat")
    assert await world.states() == []
    async with world.database.write() as connection:
        in_it = update(room_members).where(room_members.c.room_id == "!chat").values(membership="join")
        await connection.execute(in_it)
    await notified(world, pushkey, room_id="!chat")
    assert await world.states() == ["pending"]


@pytest.mark.parametrize("changes", [{"room_id": "!family"}, {"event_id": None}])
async def test_the_gateway_keeps_to_our_conversations(world: World, changes: dict[str, Any]) -> None:
    """Other rooms of hers, and counts for a badge, are taken and told nobody."""
    pushkey = await world.subscribe(MARIA)
    assert await notified(world, pushkey, **changes) == {"rejected": []}
    assert await world.states() == []


async def test_one_address_does_not_ask_for_ever(world: World) -> None:
    """So many a minute, and far fewer with pushkeys that nobody has: then 429, as homeservers read it."""
    pushkey = await world.subscribe(MARIA)
    limits = PushSettings(notifications_per_minute=5, unknown_per_minute=2)
    async with gateway(world, limits) as ask:
        assert [(await ask(pushkey)).status for _ in range(6)] == [200] * 5 + [429]
    async with gateway(world, limits) as ask:
        answers = [await ask("made-up", "made-up-too"), await ask("made-up")]
        assert [answer.status for answer in answers] == [200, 429]
        assert int(answers[1].headers["Retry-After"]) > 0
        assert (await answers[1].json())["errcode"] == "M_LIMIT_EXCEEDED"


async def test_a_persons_browsers_have_a_bound(world: World) -> None:
    """The one beyond it takes the place of her oldest; another person's stay."""
    other = await world.subscribe(LUCIA, endpoint="https://push.example/lucia")
    made = []
    for number in range(5):
        world.now += timedelta(minutes=1)
        made.append(await world.subscribe(MARIA, endpoint=f"https://push.example/{number}", most=3))
    async with world.database.read() as connection:
        kept = await subscriptions.ids_of(connection, [MARIA, LUCIA])
    assert sorted(kept) == sorted([(LUCIA, other), *((MARIA, one) for one in made[2:])])


async def test_a_browser_is_one_persons(world: World) -> None:
    """Who subscribes in it last; the one before has it no more. Others can't end it. Nothing is readable at rest."""
    first = await world.subscribe(LUCIA)
    second = await world.subscribe(MARIA)
    async with world.database.write() as connection:
        await subscriptions.remove(connection, person=LUCIA, subscription_id=second)
    assert await world.subscribed() == 1
    async with world.database.read() as connection:
        assert await subscriptions.people_of(connection, [first, second]) == {second: MARIA}
        (row,) = await connection.execute(push_subscriptions.select())
    assert b"https" not in row.sealed
