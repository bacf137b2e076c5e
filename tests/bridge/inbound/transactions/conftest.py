"""The routes of the homeserver over a bridge that dispatches nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.inbound.transactions import Transactions, appservice_routes
from bridge.storage.database import Database
from tests.bridge.inbound.transactions.pushing import HS_TOKEN, Bridge


@pytest.fixture
def bridge(database: Database) -> Bridge:
    """A bridge that dispatches nothing."""
    return Bridge(database)


@pytest.fixture
async def http(bridge: Bridge) -> AsyncIterator[TestClient[Any, Any]]:
    """The homeserver's side of the connection."""
    transactions = Transactions(
        database=bridge.database,
        dispatcher=bridge,
        at_once=bridge,
        tell=bridge.tell,
        now=lambda: bridge.now,
        on_trouble=bridge.trouble,
    )
    app = web.Application(client_max_size=1024)
    app.add_routes(appservice_routes(hs_token=HS_TOKEN, transactions=transactions))
    async with TestClient(TestServer(app)) as client:
        yield client
