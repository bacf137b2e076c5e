"""A Synapse homeserver on this machine: its files, its process, and whether it answers."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from unpaddedbase64 import encode_base64

from bridge.demo.certificates import Certificates
from bridge.demo.files import write_private
from bridge.demo.process import ChildProcess
from bridge.demo.server import Server
from bridge.demo.templates import Role, render

_READY_S = 90.0


class Homeserver(Server):
    """One Synapse in `directory`, which keeps its data and secrets from start to start.

    Its name is `localhost:{federation_port}`. `federation_servers` are the names of the servers it talks to;
    `registration` is the application service's, if it has one; `database` is Synapse's (`name`, then
    `path` for SQLite, `user host dbname password port` for PostgreSQL), a SQLite file unless given; `module` is the
    configuration of our module (synapse-config/module), which is left out without.
    """

    def __init__(
        self,
        *,
        role: Role,
        directory: Path,
        client_port: int,
        federation_port: int,
        federation_servers: Sequence[str],
        certificates: Certificates,
        registration: Mapping[str, Any] | None = None,
        database: Mapping[str, Any] | None = None,
        module: Mapping[str, Any] | None = None,
    ) -> None:
        self.role: Role = role
        self.directory = directory
        self.client_port = client_port
        self.federation_port = federation_port
        self.server_name = f"localhost:{federation_port}"
        self.client_url = f"http://127.0.0.1:{client_port}"
        self._federation_servers = federation_servers
        self._certificates = certificates
        self._registration = registration
        self._module = module
        self._database = database or {"name": "sqlite3", "path": str(directory / "homeserver.db")}
        config = str(directory / "homeserver.yaml")
        process = ChildProcess(
            command=(sys.executable, "-m", "synapse.app.homeserver", "-c", config),
            directory=directory,
            output=directory / "homeserver.out",
        )
        super().__init__(
            process,
            name=f"the {role} homeserver ({self.server_name})",
            ready_url=f"{self.client_url}/_matrix/client/versions",
            ready_s=_READY_S,
            log_path=directory / "homeserver.log",
        )

    @property
    def registration_secret(self) -> str:
        """The shared secret that makes accounts."""
        return self._secrets()["registration_shared_secret"]

    def render(self) -> None:
        """Write the configuration; secrets and keys that are there stay."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "media").mkdir(exist_ok=True)
        self._make_once("signing.key", _signing_key)
        values = self._values()
        write_private(self.directory / "homeserver.yaml", render(f"{self.role}.yaml.j2", values))
        (self.directory / "log.yaml").write_text(render("log.yaml.j2", values), encoding="utf-8")
        if self._registration is not None:
            registration = yaml.safe_dump(dict(self._registration), sort_keys=False)
            write_private(self.directory / "registration.yaml", registration)

    async def start(self) -> None:
        """Write the configuration and start the process; `wait_ready` says when it answers."""
        await asyncio.to_thread(self.render)
        await super().start()

    def _values(self) -> dict[str, Any]:
        return {
            **self._secrets(),
            "server_name": self.server_name,
            "public_baseurl": f"{self.client_url}/",
            "deployment": "loopback",
            "bind_addresses": ["127.0.0.1"],
            "client_port": self.client_port,
            "federation_port": self.federation_port,
            "federation_servers": sorted({*self._federation_servers, self.server_name}),
            "certificate_authority": str(self._certificates.authority),
            "tls_certificate": str(self._certificates.certificate),
            "tls_private_key": str(self._certificates.private_key),
            "signing_key_file": str(self.directory / "signing.key"),
            "media_directory": str(self.directory / "media"),
            "log_config_file": str(self.directory / "log.yaml"),
            "log_file": str(self.log_path),
            "log_level": "WARNING",
            "registration_file": str(self.directory / "registration.yaml"),
            "has_registration": self._registration is not None,
            "database": self._database,
            "module": self._module,
            # Passwords of the demo are random: nothing is won by making them slow to try.
            "bcrypt_rounds": 4,
        }

    def _secrets(self) -> dict[str, str]:
        text = self._make_once("secrets.yaml", _new_secrets)
        values: dict[str, str] = yaml.safe_load(text)
        return values

    def _make_once(self, name: str, make: Callable[[], str]) -> str:
        path = self.directory / name
        if not path.exists():
            write_private(path, make())
        return path.read_text(encoding="utf-8")


def _new_secrets() -> str:
    names = ("registration_shared_secret", "macaroon_secret_key", "form_secret")
    return yaml.safe_dump({name: secrets.token_urlsafe(32) for name in names})


def _signing_key() -> str:
    # Synapse's own format (signedjson): algorithm, version, unpadded seed.
    return f"ed25519 a_{secrets.token_hex(2)} {encode_base64(secrets.token_bytes(32))}\n"
