"""Pushes from our database to a push service on loopback: people, a conversation, browsers."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.deliveries import subscriptions
from bridge.deliveries.webpush import Vapid
from bridge.http.limits import PushLimits
from bridge.http.middleware import refusing
from bridge.http.push_gateway import PATH, PushGateway
from bridge.notifications.courier import Courier
from bridge.notifications.push_sender import PushSender
from bridge.notifications.settings import PushSettings
from bridge.openid.fakes import FakeDns
from bridge.openid.https import PinnedHttps, other_servers_session, tls_context
from bridge.storage.conversations import room_members, timeline
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from bridge.storage.live_events import live_events
from bridge.storage.push_subscriptions import push_subscriptions
from tests.appointments.relationships import enter_representation
from tests.bridge.consult_room import open_room
from tests.bridge.notifications.browser import decode_point
from tests.bridge.notifications.push_service import PushService, push_service
from tests.bridge.persons import enter_person

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
    courier: Courier = field(init=False)
    now: datetime = NOW
    addresses: dict[str, list[str]] = field(default_factory=lambda: {"evil.example": ["169.254.169.254"]})

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


@asynccontextmanager
async def push_world(database: Database, directory: Path) -> AsyncGenerator[World]:
    """Lucía (managed) and María (own client), who acts for her, in a conversation."""
    sealer = Sealer(b"k" * 32)
    async with push_service(directory) as service, other_servers_session() as http:
        made = World(database, service, sealer)
        sender = PushSender(
            database=database,
            sealer=sealer,
            https=PinnedHttps(
                http=http,
                dns=FakeDns(made.addresses),
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
            await enter_person(connection, LUCIA, sealer=sealer, now=NOW)
            await open_room(connection, ROOM, patient=LUCIA, professional=GARCIA, now=NOW)
            await represent(connection, ends=None)
            member = {"room_id": ROOM, "user_id": MARIA, "membership": "join"}
            await connection.execute(insert(room_members).values(member))
        yield made


async def represent(connection: AsyncConnection, *, ends: datetime | None) -> None:
    """María acts for Lucía until then."""
    await enter_representation(
        connection, LUCIA, MARIA, "messages", now=NOW, starts=NOW - timedelta(days=1), ends=ends
    )


def read(push: tuple[dict[str, str], bytes]) -> Any:
    """What the browser gets."""
    return json.loads(http_ece.decrypt(push[1], private_key=KEY, auth_secret=AUTH))


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
