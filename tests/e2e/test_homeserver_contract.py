"""What we rely on in a homeserver's rooms, asked of Synapse through MatrixClient (see the fake's test too)."""

from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from bridge.demo.platform import LocalPlatform
from bridge.matrix.client import MatrixClient
from tests.bridge.matrix.contract import Cast, HomeserverContract

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestSynapse(HomeserverContract):
    """The same suite against the portal's homeserver."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def homeserver(self, servers: LocalPlatform) -> AsyncIterator[MatrixClient]:
        """The client that the bridge uses."""
        async with aiohttp.ClientSession() as http:
            yield MatrixClient(
                base_url=servers.settings.homeserver.url,
                as_token=servers.settings.appservice.as_token.get_secret_value(),
                http=http,
            )

    @pytest_asyncio.fixture(loop_scope="session")
    async def cast(self, homeserver: MatrixClient, servers: LocalPlatform) -> Cast:
        """New accounts for each test."""
        settings, number = servers.settings, uuid4().hex[:8]
        people = [settings.managed_user_id(f"{name}{number}") for name in ("lucia", "juan")]
        for user_id in (settings.keeper_id, *people):
            await homeserver.register(user_id=user_id)
        return Cast(settings.keeper_id, *people)
