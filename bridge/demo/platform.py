"""The whole platform on one machine: two homeservers that federate, and the application service."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.homeserver import Homeserver
from bridge.demo.ports import Ports
from bridge.demo.settings_file import demo_settings
from bridge.demo.templates import Role
from bridge.matrix.registration import registration
from bridge.settings import Settings


@dataclass(frozen=True)
class LocalPlatform:
    """Its programs, none of them started, and the application service's settings and their file."""

    portal: Homeserver
    hospital: Homeserver
    bridge: BridgeProcess
    settings: Settings
    config: Path

    def homeserver(self, role: Role) -> Homeserver:
        """The portal's or the hospital's."""
        return self.portal if role == "portal" else self.hospital

    async def start_homeservers(self) -> None:
        """Start both at the same time; returns once both answer. Raises ServerError."""
        await asyncio.gather(self.portal.start(), self.hospital.start())
        await asyncio.gather(self.portal.wait_ready(), self.hospital.wait_ready())

    async def stop(self) -> None:
        """Stop every program; those that don't run stay so."""
        await self.bridge.stop()
        await asyncio.gather(self.portal.stop(), self.hospital.stop())


@dataclass(frozen=True)
class Databases:
    """Where the three keep their data when that is not SQLite: our URL, and Synapse's arguments (Homeserver)."""

    bridge: str
    portal: Mapping[str, Any]
    hospital: Mapping[str, Any]


def make_platform(
    directory: Path,
    *,
    ports: Ports,
    now: datetime,
    appservice_url: str | None = None,
    databases: Databases | None = None,
    smtp_port: int | None = None,
) -> LocalPlatform:
    """The platform whose data is in this directory; certificates, secrets, settings are made where missing.

    `appservice_url`, `smtp_port`: see `demo_settings`. Raises DemoError, SettingsError.
    """
    directory = directory.resolve()
    config = directory / "videoconsulta.yaml"
    settings = demo_settings(
        config,
        ports=ports,
        appservice_url=appservice_url,
        database=databases.bridge if databases else None,
        smtp_port=smtp_port,
    )
    certificates = certificate_files(directory / "tls")
    ensure_certificates(certificates, now=now)
    federation_servers = [settings.homeserver.server_name, *settings.homeserver.allowed_servers]
    portal = Homeserver(
        role="portal",
        directory=directory / "portal",
        client_port=ports.portal_client,
        federation_port=ports.portal_federation,
        federation_servers=federation_servers,
        certificates=certificates,
        registration=registration(settings),
        database=databases.portal if databases else None,
        module=_portal_module(settings, bridge_url=f"http://127.0.0.1:{ports.api}"),
    )
    hospital = Homeserver(
        role="hospital",
        directory=directory / "hospital",
        client_port=ports.hospital_client,
        federation_port=ports.hospital_federation,
        federation_servers=federation_servers,
        certificates=certificates,
        database=databases.hospital if databases else None,
        module={"keeper": settings.keeper_id},
    )
    bridge = BridgeProcess(
        config=config,
        api_url=f"http://127.0.0.1:{ports.api}",
        log_path=directory / "videoconsulta.log",
    )
    return LocalPlatform(portal=portal, hospital=hospital, bridge=bridge, settings=settings, config=config)


def _portal_module(settings: Settings, *, bridge_url: str) -> dict[str, str]:
    """The configuration of our Synapse module at the portal (synapse-config/module/README.md)."""
    module = {"keeper": settings.keeper_id, "assistant": settings.assistant_id}
    if settings.policy is not None:
        module |= {"bridge_url": bridge_url, "secret": settings.policy.secret.get_secret_value()}
    return module
