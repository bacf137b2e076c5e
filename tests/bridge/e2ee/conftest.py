"""A world for the encryption machine, on each kind of database."""

import pytest

from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.storage.database import Database
from tests.bridge.clock import Clock
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import LUCIA
from tests.bridge.e2ee.world import World


@pytest.fixture
def server() -> FakeKeyServer:
    """An empty homeserver."""
    return FakeKeyServer()


@pytest.fixture
async def world(database: Database, server: FakeKeyServer) -> World:
    """A world in which Lucia has her device."""
    clock = Clock()
    made = World(database, server, clock, None)
    made.encryption = made.restarted()
    await made.encryption.provision(LUCIA)
    server.calls.clear()
    return made


@pytest.fixture
async def garcia(server: FakeKeyServer) -> Client:
    """A doctor at the hospital, logged in, with an identity that signed her device."""
    client = Client.with_identity(server, "@garcia:hospital", "GARCIA1")
    await client.log_in()
    return client
