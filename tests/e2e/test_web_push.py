"""Web Push: from a message over real homeservers and their pushers to a push service on loopback, over TLS.

What a push service is given is opened with the browser's keys, and the VAPID signature verified. None of the
makers' push services can be reached from here, so none was asked.
"""

import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import http_ece
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.deliveries.webpush import encode
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.certificates import certificate_files
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import LocalPlatform
from tests.bridge.notifications.browser import decode_point, verified_claims
from tests.bridge.notifications.push_service import PushService, listening
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.place import ENCRYPTED, joined, made_room
from tests.e2e.raw_client import RawClient, logged_in, masquerading
from tests.e2e.sessions import log_in
from tests.e2e.world import Api, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SUBSCRIPTIONS = "/api/notifications/push-subscriptions"
_ENCRYPTED = "m.room.encrypted"


@pytest_asyncio.fixture(loop_scope="session")
async def service(servers: LocalPlatform) -> AsyncIterator[PushService]:
    """A push service whose certificate the bridge trusts."""
    files = certificate_files(servers.config.parent / "tls")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.certificate, files.private_key)
    async with listening(tls, authority=files.authority) as running:
        yield running


@dataclass
class Browser:
    """Somebody's browser: its keys, and what it was told."""

    service: PushService
    name: str = field(default_factory=lambda: uuid4().hex)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def subscription(self) -> dict[str, Any]:
        """What it gives its page."""
        keys = {"p256dh": encode(decode_point(self.key)), "auth": encode(b"a" * 16)}
        return {"endpoint": self.service.endpoint("localhost", browser=self.name), "keys": keys}

    async def told(self) -> list[dict[str, Any]]:
        """What it reads in its pushes, each of which is signed by us for this push service."""
        mine = [
            push
            for path, push in zip(self.service.paths, self.service.pushes, strict=True)
            if path.endswith(f"?e={self.name}")
        ]
        for headers, _ in mine:
            claims = verified_claims(headers["Authorization"])
            assert claims["aud"] == f"https://localhost:{self.service.port}"
        return [
            json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=b"a" * 16))
            for _, body in mine
        ]


async def set_pusher(client: RawClient, subscription: dict[str, Any]) -> None:
    """As the person's page does at her homeserver."""
    pusher = {
        "kind": "http",
        "app_id": "es.videoconsulta.web",
        "app_display_name": "Videoconsulta",
        "device_display_name": "Navegador",
        "lang": "es",
        "pushkey": subscription["subscription_id"],
        "data": {"url": subscription["gateway_url"], "format": "event_id_only"},
    }
    reply = await client.request("POST", "/pushers/set", pusher)
    assert reply.status == 200, reply


async def subscribed(servers: LocalPlatform, home: Homeserver, client: RawClient, browser: Browser) -> None:
    """This person's page: her own session, her browser's subscription, a pusher at her homeserver."""
    async with aiohttp.ClientSession(servers.bridge.api_url) as http:
        token = (await log_in(http, home, client.user_id))["token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with http.post(_SUBSCRIPTIONS, json=browser.subscription(), headers=headers) as response:
            assert response.status == 201, await response.text()
            await set_pusher(client, await response.json())


async def test_the_pushers_of_two_homeservers(
    servers: LocalPlatform, clinic: Clinic, bridge: BridgeProcess, service: PushService
) -> None:
    """Each is told of what the other writes, once and without words, never of her own."""
    assert bridge.is_running
    patient, doctor = await clinic.patient(), await clinic.professional()
    async with (
        logged_in(servers.portal, patient, PASSWORD) as maria,
        logged_in(servers.hospital, doctor, PASSWORD) as garcia,
    ):
        room = await made_room(clinic, patient=patient, professional=doctor)
        await joined(room, maria, garcia)
        hers, theirs = Browser(service), Browser(service)
        await subscribed(servers, servers.portal, maria, hers)
        await subscribed(servers, servers.hospital, garcia, theirs)
        notice = {"kind": "message", "conversation_id": room}

        assert (await garcia.send(room, _ENCRYPTED, ENCRYPTED)).status == 200
        assert await eventually(hers.told, until=bool) == [notice]
        assert await theirs.told() == []
        assert (await maria.send(room, _ENCRYPTED, ENCRYPTED)).status == 200
        assert await eventually(theirs.told, until=bool) == [notice]
        assert await hers.told() == [notice]


async def test_a_managed_user_is_told_once(
    servers: LocalPlatform, clinic: Clinic, bridge: BridgeProcess, service: PushService
) -> None:
    """By our own facts, with and without a pusher of hers: Synapse calls none for an application service's users."""
    assert bridge.is_running
    patient, doctor = await clinic.pair()
    browser = Browser(service)
    async with (
        aiohttp.ClientSession() as http,
        logged_in(servers.hospital, doctor, PASSWORD) as garcia,
        masquerading(servers.settings, patient) as as_patient,
    ):
        api = Api(url=bridge.api_url, key=clinic.api_key, acting_for=patient, http=http)
        room = (await api.send("Buenos días", recipient=doctor))["conversation_id"]
        await joined(room, garcia)
        made = await api.request("POST", _SUBSCRIPTIONS, json=browser.subscription())
        assert made.status == 201, made
        for count, has_pusher in ((1, False), (2, True)):
            if has_pusher:
                await set_pusher(as_patient, made.body)
            assert (await garcia.send(room, _ENCRYPTED, ENCRYPTED)).status == 200
            told = await eventually(browser.told, until=lambda pushes, count=count: len(pushes) >= count)
            assert told == [{"kind": "message", "conversation_id": room}] * count
