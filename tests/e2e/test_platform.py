"""The homeservers that every end-to-end test stands on."""

import asyncio

import aiohttp
import pytest

from bridge.demo.accounts import create_account
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import Clinic
from tests.e2e.fault_proxy import FaultProxy

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _login(http: aiohttp.ClientSession, server: Homeserver, localpart: str) -> dict[str, str]:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": localpart},
        "password": "una contraseña",
    }
    async with http.post(f"{server.client_url}/_matrix/client/v3/login", json=body) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def test_a_new_account_has_never_logged_in(servers: LocalPlatform) -> None:
    """An account made for a professional has no device before their first login, which makes the only one."""
    await create_account(servers.hospital, "nunca", "una contraseña", "Dra. Nunca")
    async with aiohttp.ClientSession() as http:
        headers = await _login(http, servers.hospital, "nunca")
        url = f"{servers.hospital.client_url}/_matrix/client/v3/devices"
        async with http.get(url, headers=headers) as response:
            assert len((await response.json())["devices"]) == 1


async def test_the_homeservers_federate_over_tls(servers: LocalPlatform) -> None:
    """A person of the portal invites one of the hospital, who joins."""
    await create_account(servers.portal, "invita", "una contraseña", "Invita")
    guest = await create_account(servers.hospital, "acude", "una contraseña", "Acude")
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        host_headers = await _login(http, servers.portal, "invita")
        url = f"{servers.portal.client_url}/_matrix/client/v3/createRoom"
        async with http.post(url, headers=host_headers, json={"invite": [guest]}) as response:
            room_id = (await response.json())["room_id"]
        guest_headers = await _login(http, servers.hospital, "acude")
        url = f"{servers.hospital.client_url}/_matrix/client/v3/join/{room_id}"
        async with http.post(url, headers=guest_headers, json={}) as response:
            assert (await response.json())["room_id"] == room_id


async def test_the_homeserver_hands_its_events_to_the_bridge(clinic: Clinic, proxy: FaultProxy) -> None:
    """A managed user's invitation reaches the bridge through the proxy, which counts the transaction."""
    user_id = await clinic.managed_user()
    before = proxy.transactions
    server = clinic.platform.portal
    host = await create_account(server, "anfitriona", "una contraseña", "Anfitriona")
    await clinic.care(patient=user_id, professional=host)  # a stranger's invitation would be refused
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        headers = await _login(http, server, host.partition(":")[0][1:])
        url = f"{server.client_url}/_matrix/client/v3/createRoom"
        async with http.post(url, headers=headers, json={"invite": [user_id]}):
            pass
    async with asyncio.timeout(10):
        await proxy.wait_beyond(before)
