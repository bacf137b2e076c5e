"""What we rely on in a homeserver's rooms, asked of Synapse through MatrixClient (see the fake's test too)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from bridge import app
from bridge.clock import Now
from bridge.demo.platform import LocalPlatform
from bridge.matrix.client import MatrixClient
from bridge.matrix.json import JsonObject
from bridge.storage.conversations import conversations
from bridge.storage.database import Database
from bridge.storage.statements import upsert
from tests.bridge.matrix.contract import HomeserverContract
from tests.bridge.matrix.rooms import Cast
from tests.e2e.clinic import Clinic

pytestmark = pytest.mark.asyncio(loop_scope="session")


class KnownRooms(MatrixClient):
    """The client that the bridge uses, whose consult rooms the bridge knows: the keeper may invite to no others."""

    def __init__(self, *, database: Database, cast: Cast, now: Now, **options: Any) -> None:
        super().__init__(**options)
        self._database = database
        self._cast = cast
        self._now = now

    async def create_room(self, *, user_id: str, body: JsonObject) -> str:
        """As in MatrixClient; the newest room is that of the two people's conversation."""
        room_id = await super().create_room(user_id=user_id, body=body)
        now = self._now()
        settled = {"room_id": room_id, "opened_at": now, "invited_at": now, "review_at": None}
        made = {"id": uuid4().hex, "nonce": uuid4().hex, "created_at": now, "attempts": 0}
        rotation = {"rotation_period_msgs": 100, "rotation_period_ms": 604_800_000}
        async with self._database.write() as connection:
            await upsert(
                connection,
                conversations,
                key={"patient": self._cast.lucia, "professional": self._cast.juan},
                values=settled | made | rotation,
            )
        return room_id


class TestSynapse(HomeserverContract):
    """The same suite against the portal's homeserver."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def cast(self, servers: LocalPlatform, clinic: Clinic) -> Cast:
        """New accounts for each test, in care of each other."""
        settings, number = servers.settings, uuid4().hex[:8]
        lucia, juan = [settings.managed_user_id(f"{name}{number}") for name in ("lucia", "juan")]
        async with app.opened(settings) as gateway:
            for user_id in (settings.keeper_id, lucia, juan):
                await gateway.matrix.register(user_id=user_id)
        await clinic.care(patient=lucia, professional=juan)
        return Cast(settings.keeper_id, lucia, juan)

    @pytest_asyncio.fixture(loop_scope="session")
    async def homeserver(self, servers: LocalPlatform, cast: Cast) -> AsyncIterator[MatrixClient]:
        """The client."""
        settings = servers.settings
        async with app.opened(settings) as gateway, aiohttp.ClientSession() as http:
            yield KnownRooms(
                database=gateway.database,
                cast=cast,
                now=gateway.now,
                base_url=settings.homeserver.url,
                as_token=settings.appservice.as_token.get_secret_value(),
                http=http,
            )
