"""One pair of federating homeservers for the whole run, and a bridge that is a real process.

Tests that use these say `pytestmark = pytest.mark.asyncio(loop_scope="session")`: the loop is the fixtures'.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bridge.clock import utc_now
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.mail_sink import mail_sink
from bridge.demo.platform import LocalPlatform, make_platform
from bridge.demo.ports import Ports
from bridge.demo.supervise import MAILS
from bridge.migrations import upgrade_database
from tests.e2e.clinic import Clinic, open_clinic
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.free_ports import free_ports
from tests.e2e.place import Place, open_place


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """Two federating homeservers that answer, and a mail sink; the bridge of the platform is not started."""
    *ports, proxy_port = free_ports(6)
    directory, now = tmp_path_factory.mktemp("platform"), utc_now()
    certificates = certificate_files(directory / "tls")
    ensure_certificates(certificates, now=now)
    async with mail_sink(directory / MAILS, certificates=certificates) as smtp_port:
        platform = make_platform(
            directory,
            ports=Ports(*ports),
            now=now,
            appservice_url=f"http://127.0.0.1:{proxy_port}",
            smtp_port=smtp_port,
        )
        try:
            await platform.start_homeservers()
            yield platform
        finally:
            await platform.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def proxy(servers: LocalPlatform) -> AsyncIterator[FaultProxy]:
    """What the portal's homeserver sends its transactions through."""
    port = int(servers.settings.appservice.url.rpartition(":")[2])
    running = FaultProxy(port=port, target=servers.bridge.api_url)
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bridge(servers: LocalPlatform, proxy: FaultProxy) -> BridgeProcess:
    """The bridge, running; a test that kills it starts it again."""
    assert proxy
    await upgrade_database(servers.settings.database)
    await upgrade_database(servers.settings.database)
    await servers.bridge.start()
    await servers.bridge.wait_ready()
    return servers.bridge


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clinic(servers: LocalPlatform, bridge: BridgeProcess) -> Clinic:
    """Makes managed users, professionals, care and an API key on a running platform."""
    assert bridge
    return await open_clinic(servers)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def place(servers: LocalPlatform, clinic: Clinic) -> AsyncIterator[Place]:
    """A consult room, its members and two strangers, with raw clients."""
    async with open_place(servers, clinic) as opened:
        yield opened
