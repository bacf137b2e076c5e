"""The platform that is measured: both homeservers, the application service, consult rooms of one kind."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from appointments.access import require_speaker
from bridge import app
from bridge.clock import utc_now
from bridge.demo.accounts import create_account
from bridge.demo.people import add_api_key, add_care, add_managed_user
from bridge.demo.platform import LocalPlatform, make_platform
from bridge.demo.ports import Ports
from bridge.e2ee.account import device_keys, new_account, unpublished_keys
from bridge.migrations import upgrade_database
from bridge.people import people

_PASSWORD = "only of this run"  # noqa: S105 a server on loopback that ends with the run
_DEVICE = "MEDICA"
_CLIENT = "/_matrix/client/v3"
_LAST_WORDS = 4000


@dataclass(frozen=True)
class Consult:
    """A patient and her consult room, which the professional has joined."""

    patient: str
    room_id: str


@dataclass(frozen=True)
class Clinic:
    """The running platform. `key` is an integrator's; `doctor` is signed in where the professional lives."""

    platform: LocalPlatform
    gateway: app.Platform
    key: str
    professional: str
    doctor: aiohttp.ClientSession
    http: aiohttp.ClientSession

    @property
    def pids(self) -> tuple[int, int, int]:
        """The application service and both homeservers."""
        return self.platform.bridge.pid, self.platform.portal.pid, self.platform.hospital.pid

    def raw(self, path: str, **query: str) -> tuple[str, dict[str, Any]]:
        """The address of a client-server request to the portal's homeserver, and its options."""
        token = self.platform.settings.appservice.as_token.get_secret_value()
        options = {"headers": {"Authorization": f"Bearer {token}"}, "params": query}
        return f"{self.platform.portal.client_url}{_CLIENT}{path}", options

    def api(self, path: str, *, patient: str, key: str | None = None) -> tuple[str, dict[str, Any]]:
        """The address of a REST request for this patient, and its options; `key` is another integrator's."""
        headers = {"Authorization": f"Bearer {key or self.key}", "X-Act-As": patient}
        return f"{self.platform.bridge.api_url}{path}", {"headers": headers}

    async def consults(self, name: str, count: int, *, device: bool = True) -> list[Consult]:
        """So many patients, each with a consult room; `device`: with a device that the bridge holds."""
        return [await self._consult(f"{name}{number}", device=device) for number in range(count)]

    async def _consult(self, name: str, *, device: bool) -> Consult:
        gateway = self.gateway
        patient = gateway.settings.managed_user_id(name)
        if device:
            await add_managed_user(gateway, user_id=patient, display_name=name)
        else:
            await gateway.matrix.register(user_id=patient)
            await self._add_person(patient)
        await add_care(gateway, patient=patient, professional=self.professional)
        async with gateway.database.read() as connection:
            care = await require_speaker(
                connection, sender=patient, other=self.professional, now=gateway.now()
            )
        room_id = await gateway.conversations.open(care)
        async with self.doctor.post(f"{_CLIENT}/join/{quote(room_id)}", json={}) as response:
            assert response.ok, await response.text()
        return Consult(patient, room_id)

    async def _add_person(self, patient: str) -> None:
        async with self.gateway.database.write() as connection:
            await people.add(
                connection,
                sealer=self.gateway.sealer,
                user_id=patient,
                managed=True,
                display_name=None,
                language="es",
                timezone="Europe/Madrid",
                now=self.gateway.now(),
            )


@asynccontextmanager
async def opened(directory: Path, *, federated: bool) -> AsyncGenerator[Clinic]:
    """Start everything, with the professional signed in, and stop it at the end.

    `federated`: she lives at the hospital, whose homeserver works on the same processors; else at the portal.
    """
    platform = make_platform(directory, ports=Ports(*free_ports(5)), now=utc_now())
    try:
        await asyncio.gather(platform.start_homeservers(), upgrade_database(platform.settings.database))
        await platform.bridge.start()
        await platform.bridge.wait_ready()
        home = platform.hospital if federated else platform.portal
        professional = await create_account(home, "medica", _PASSWORD, "Dra. Medida")
        async with (
            app.opened(platform.settings) as gateway,
            aiohttp.ClientSession(home.client_url) as doctor,
            aiohttp.ClientSession() as http,
        ):
            await _sign_in(doctor, professional)
            yield Clinic(
                platform=platform,
                gateway=gateway,
                key=await add_api_key(gateway, name="bench"),
                professional=professional,
                doctor=doctor,
                http=http,
            )
    except AssertionError:
        # The directory goes, so what the application service said about it has to be shown here.
        print(platform.bridge.log_path.read_text(encoding="utf-8")[-_LAST_WORDS:], file=sys.stderr)
        raise
    finally:
        await platform.stop()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


async def _sign_in(doctor: aiohttp.ClientSession, user_id: str) -> None:
    """Log in, with a device that has keys: rooms rotate their sessions, and each new one is given to her."""
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user_id},
        "password": _PASSWORD,
        "device_id": _DEVICE,
    }
    async with doctor.post(f"{_CLIENT}/login", json=login) as response:
        token = (await response.json())["access_token"]
    doctor.headers["Authorization"] = f"Bearer {token}"
    account = new_account(one_time_keys=100)
    body = {"device_keys": device_keys(account, user_id=user_id, device_id=_DEVICE)}
    body |= unpublished_keys(account, user_id=user_id, device_id=_DEVICE)
    async with doctor.post(f"{_CLIENT}/keys/upload", json=body) as response:
        assert response.ok, await response.text()
