"""Pushes from the ledger to a push service on loopback: read with the browser's key, signed, not repeated."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import http_ece
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from appointments.services import start_representation
from bridge import people
from bridge.database import Database
from bridge.facts import Fact, append
from bridge.http.limits import PushLimits
from bridge.http.middleware import refusing
from bridge.live.placing import Placing
from bridge.notifications import subscriptions
from bridge.notifications.courier import Courier
from bridge.notifications.message_news import MessageNews
from bridge.notifications.push_gateway import PATH, PushGateway
from bridge.notifications.push_sender import PushSender
from bridge.notifications.webpush import Vapid
from bridge.openid.fakes import FakeDns
from bridge.openid.https import PinnedHttps, other_servers_session, tls_context
from bridge.settings import PushSettings
from bridge.storage.conversations import receipts, room_members, timeline
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from bridge.storage.push_subscriptions import push_subscriptions
from tests.bridge.notifications.consult_room import open_room
from tests.bridge.notifications.push_service import PushService, push_service
from tests.bridge.notifications.test_webpush import decode_point, verified_claims

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LUCIA, MARIA, GARCIA, ROOM = "@portal_lucia:p", "@maria:p", "@garcia:h", "!room"
AUTH = b"a" * 16
KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class World:
    """A database, a push service, and what brings one to the other."""

    database: Database
    service: PushService
    sealer: Sealer
    courier: Courier
    now: datetime = NOW

    async def subscribe(self, person: str, *, endpoint: str | None = None, most: int = 20) -> str:
        """A browser of this person's."""
        async with self.database.write() as connection:
            return await subscriptions.add(
                connection,
                sealer=self.sealer,
                person=person,
                endpoint=endpoint or self.service.endpoint(),
                p256dh=decode_point(KEY),
                auth=AUTH,
                most=most,
                now=self.now,
            )

    async def message(self, number: int, *, sender: str = GARCIA) -> None:
        """A message in the conversation, as live events tell Lucía of it."""
        event_id = f"$event{number}"
        at = {"at": NOW, "placed_at": NOW}
        data = {"conversation_id": ROOM, "message_id": event_id, "status": "sent"}
        async with self.database.write() as connection:
            row = {
                "event_id": event_id,
                "room_id": ROOM,
                "sender": sender,
                "sent_at": NOW,
                "is_message": True,
            }
            await connection.execute(insert(timeline).values(row))
            for person in (LUCIA, MARIA, GARCIA):
                told = {"person": person, "event": "message", "data": data, **at}
                await connection.execute(insert(live_events).values(told))

    async def states(self) -> list[str]:
        """Of all deliveries."""
        async with self.database.read() as connection:
            rows = await connection.execute(deliveries.select().order_by(deliveries.c.id))
            return [row.state for row in rows]

    async def subscribed(self) -> int:
        """How many browsers there are."""
        async with self.database.read() as connection:
            return len((await connection.execute(push_subscriptions.select())).all())


@pytest.fixture
async def world(database: Database, tmp_path: Any) -> AsyncIterator[World]:
    """Lucía (managed) and María (own client), who acts for her, in a conversation."""
    sealer = Sealer(b"k" * 32)
    async with push_service(tmp_path) as service, other_servers_session() as http:
        made = World(database, service, sealer, None)  # type: ignore[arg-type]
        sender = PushSender(
            database=database,
            sealer=sealer,
            https=PinnedHttps(
                http=http,
                dns=FakeDns({"evil.example": ["169.254.169.254"]}),
                tls=tls_context(service.authority),
                allow_private=True,
            ),
            vapid=Vapid(seed=b"s" * 32, contact=None),
            now=lambda: made.now,
        )
        made.courier = Courier(
            database=database,
            sealer=sealer,
            senders={"push": sender},
            now=lambda: made.now,
            registry=CollectorRegistry(),
        )
        async with database.write() as connection:
            await people.add(
                connection,
                sealer=sealer,
                user_id=LUCIA,
                managed=True,
                display_name=None,
                language="es",
                timezone="Europe/Madrid",
                now=NOW,
            )
            await open_room(connection, ROOM, patient=LUCIA, professional=GARCIA, now=NOW)
            await _represent(connection, ends=None)
            member = {"room_id": ROOM, "user_id": MARIA, "membership": "join"}
            await connection.execute(insert(room_members).values(member))
        yield made


async def _represent(connection: AsyncConnection, *, ends: datetime | None) -> None:
    await start_representation(
        connection,
        patient=LUCIA,
        representative=MARIA,
        scopes=frozenset({"messages"}),
        starts=NOW - timedelta(days=1),
        ends=ends,
        reason_sealed=None,
        now=NOW,
    )


def read(push: tuple[dict[str, str], bytes]) -> Any:
    """What the browser gets."""
    return json.loads(http_ece.decrypt(push[1], private_key=KEY, auth_secret=AUTH))


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


async def test_who_may_not_read_it_any_more_is_not_told(world: World) -> None:
    """A representative whose acting ended while her push waited, though she is still in the room."""
    await notified(world, await world.subscribe(MARIA))
    async with world.database.write() as connection:
        await _represent(connection, ends=NOW)
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
    """A name that resolves to a cloud's metadata service gets nothing, and is forgotten."""
    endpoint = world.service.endpoint("evil.example")
    await notified(world, await world.subscribe(MARIA, endpoint=endpoint))
    await world.courier.deliver_due("push")
    assert (world.service.pushes, await world.states(), await world.subscribed()) == ([], ["given_up"], 0)


@asynccontextmanager
async def gateway(
    world: World, limits: PushSettings, **changes: Any
) -> AsyncGenerator[Callable[..., Awaitable[ClientResponse]]]:
    """What a homeserver's pusher posts to, in the format event_id_only: asked with pushkeys."""
    made = PushGateway(
        database=world.database,
        sealer=world.sealer,
        limits=PushLimits(limits),
        proxies_in_front=0,
        now=lambda: world.now,
    )
    app = web.Application(middlewares=[refusing])
    app.add_routes(made.routes())
    async with TestClient(TestServer(app)) as client:

        async def ask(*pushkeys: str) -> ClientResponse:
            devices = [
                {"app_id": "es.videoconsulta.web", "pushkey": one, "data": {"format": "event_id_only"}}
                for one in pushkeys
            ]
            said = {"event_id": "$event", "room_id": ROOM, "counts": {"unread": 1}, "devices": devices}
            return await client.post(PATH, json={"notification": said | changes})

        yield ask


async def notified(world: World, pushkey: str, **changes: Any) -> dict[str, Any]:
    """Our answer to one."""
    async with gateway(world, PushSettings(), **changes) as ask:
        answer = await ask(pushkey)
        assert answer.status == 200
        said: dict[str, Any] = await answer.json()
        return said


async def test_the_gateway_tells_browsers(world: World) -> None:
    """A pusher's event becomes one push, however often it comes; an unknown pushkey is rejected."""
    pushkey = await world.subscribe(MARIA)
    for _ in range(2):
        assert await notified(world, pushkey) == {"rejected": []}
        await world.courier.deliver_due("push")
    assert [read(push) for push in world.service.pushes] == [{"kind": "message", "conversation_id": ROOM}]
    assert await notified(world, "made-up") == {"rejected": ["made-up"]}


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
