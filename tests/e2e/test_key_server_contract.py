"""What the encryption machine relies on, asked of Synapse through MatrixClient (the fake keeps the same contract)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from bridge.demo.platform import LocalPlatform
from bridge.matrix.client import MatrixClient
from tests.bridge.e2ee import test_ports

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CONTRACT = [test for name, test in vars(test_ports).items() if name.startswith("test_")]


@pytest_asyncio.fixture(loop_scope="session")
async def key_server(servers: LocalPlatform) -> AsyncIterator[MatrixClient]:
    """The client that the bridge uses."""
    async with aiohttp.ClientSession() as http:
        yield MatrixClient(
            base_url=servers.settings.homeserver.url,
            as_token=servers.settings.appservice.as_token.get_secret_value(),
            http=http,
        )


@pytest.mark.parametrize("promise", _CONTRACT, ids=lambda test: test.__name__)
async def test_synapse_keeps_the_contract(
    key_server: MatrixClient,
    servers: LocalPlatform,
    promise: Callable[[MatrixClient, list[str]], Awaitable[None]],
) -> None:
    """Each promise of tests/bridge/e2ee/test_ports.py."""
    people = [servers.settings.managed_user_id(uuid4().hex) for _ in range(2)]
    await promise(key_server, people)
