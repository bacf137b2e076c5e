"""Pushes from the ledger to a push service on loopback: read with the browser's key, signed, not repeated."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import insert

from bridge.facts import Fact, append
from bridge.live.placing import Placing
from bridge.notifications.message_news import MessageNews
from bridge.states.statuses import mark_taken_back
from bridge.storage.conversations import receipts
from bridge.storage.database import Database
from tests.bridge.notifications.browser import verified_claims
from tests.bridge.notifications.push_world import (
    LUCIA,
    MARIA,
    NOW,
    ROOM,
    World,
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


async def test_a_managed_person_is_told_once(world: World) -> None:
    """Of others' messages only, without words; the push service verifies us, sees neither person nor conversation."""
    await world.subscribe(LUCIA)
    placing = Placing(database=world.database, portal_server="p", now=lambda: world.now)
    pushes = MessageNews(database=world.database, sealer=world.sealer, placing=placing, now=lambda: world.now)
    await world.message(0)
    await pushes.look()  # from here on
    await world.message(1, sender=LUCIA)
    await world.message(2)
    for _ in range(2):
        await pushes.look()
        await world.courier.deliver_due("push")
    (push,) = world.service.pushes
    assert read(push) == {"kind": "message", "conversation_id": ROOM}
    assert world.service.paths == ["/send/abc%2Fd?e=1"]  # as the browser gave it
    headers = push[0]
    assert headers["Content-Encoding"] == "aes128gcm"
    assert int(headers["TTL"]) > 0
    assert verified_claims(headers["Authorization"])["aud"] == f"https://127.0.0.1:{world.service.port}"
    assert ROOM not in str(headers)
    assert LUCIA not in str(headers)
    assert await world.states() == ["sent"]


async def test_what_was_read_meanwhile_is_not_told(world: World) -> None:
    """Between the homeserver's word and ours."""
    await world.message(1)
    await notified(world, await world.subscribe(MARIA), event_id="$event1")
    async with world.database.write() as connection:
        read_it = {"room_id": ROOM, "user_id": MARIA, "event_id": "$event1", "seq": 1, "at": NOW}
        await connection.execute(insert(receipts).values(read_it))
    await world.courier.deliver_due("push")
    assert (world.service.pushes, await world.states()) == ([], ["cancelled"])


async def test_what_was_taken_back_meanwhile_is_not_told(world: World) -> None:
    """Before its push was due."""
    await world.message(1)
    await notified(world, await world.subscribe(MARIA), event_id="$event1")
    async with world.database.write() as connection:
        await mark_taken_back(connection, room_id=ROOM, event_id="$event1", at=NOW)
    await world.courier.deliver_due("push")
    assert (world.service.pushes, await world.states()) == ([], ["cancelled"])


async def test_who_may_not_read_it_any_more_is_not_told(world: World) -> None:
    """A representative whose acting ended while her push waited, though she is still in the room."""
    await notified(world, await world.subscribe(MARIA))
    async with world.database.write() as connection:
        await represent(connection, ends=NOW)
    await world.courier.deliver_due("push")
    assert (world.service.pushes, await world.states()) == ([], ["cancelled"])


async def test_her_own_message_is_no_news_before_its_echo(world: World) -> None:
    """What we sent for her has no place in the room yet: live events know who wrote it."""
    await world.subscribe(LUCIA)
    placing = Placing(database=world.database, portal_server="p", now=lambda: world.now)
    news = MessageNews(database=world.database, sealer=world.sealer, placing=placing, now=lambda: world.now)
    await news.look()
    data = {"event_id": "$hers", "sender": LUCIA}
    async with world.database.write() as connection:
        fact = Fact(id="message.sent:1", kind="message.sent", subject=ROOM, at=NOW, data=data)
        await append(connection, fact)
    await news.look()
    assert await world.states() == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_gone_is_forgotten(world: World, status: int) -> None:
    """The push service says so once; nothing is tried again."""
    await notified(world, await world.subscribe(MARIA))
    world.service.answer = web.Response(status=status)
    await world.courier.deliver_due("push")
    assert (await world.states(), await world.subscribed()) == (["cancelled"], 0)
    world.now += timedelta(days=1)
    await world.courier.deliver_due("push")
    assert len(world.service.pushes) == 1


@pytest.mark.parametrize(("answer", "state", "after_s"), [
    (web.Response(status=503), "failed", 30),
    (web.Response(status=429, headers={"Retry-After": "120"}), "failed", 120),
    (web.Response(status=403), "given_up", 0),
])  # fmt: skip
async def test_refusals(world: World, answer: web.Response, state: str, after_s: int) -> None:
    """Temporary ones come again, when the push service says; others are given up. The subscription stays."""
    await notified(world, await world.subscribe(MARIA))
    world.service.answer = answer
    await world.courier.deliver_due("push")
    assert (await world.states(), await world.subscribed()) == ([state], 1)
    if after_s:
        world.service.answer = None
        world.now = NOW + timedelta(seconds=after_s - 1)
        assert await world.courier.deliver_due("push") == 0
        world.now = NOW + timedelta(seconds=after_s + 1)
        await world.courier.deliver_due("push")
        assert await world.states() == ["sent"]


async def test_nobody_is_led_into_our_network(world: World) -> None:
    """A name that goes on resolving to a cloud's metadata service gets nothing, and is forgotten."""
    endpoint = world.service.endpoint("evil.example")
    await notified(world, await world.subscribe(MARIA, endpoint=endpoint))
    tries = 0
    while await world.states() != ["given_up"]:
        assert await world.subscribed() == 1
        tries += await world.courier.deliver_due("push")
        world.now += timedelta(hours=1)
    assert (world.service.pushes, await world.subscribed(), tries) == ([], 0, 10)


async def test_a_resolvers_hiccup_costs_nobody_her_browser(world: World) -> None:
    """A name that resolves to a private address once (a captive resolver, say) is told later."""
    world.addresses["hospital.example"] = ["169.254.169.254"]
    await notified(world, await world.subscribe(MARIA, endpoint=world.service.endpoint("hospital.example")))
    await world.courier.deliver_due("push")
    assert (await world.states(), await world.subscribed()) == (["failed"], 1)
    world.addresses["hospital.example"] = ["127.0.0.1"]
    world.now += timedelta(seconds=30)
    await world.courier.deliver_due("push")
    assert (await world.states(), await world.subscribed()) == (["sent"], 1)
