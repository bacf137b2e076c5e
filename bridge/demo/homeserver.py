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
from bridge.demo.errors import DemoError
from bridge.demo.process import ChildProcess, ProcessEndedError
from bridge.demo.templates import Role, render

_READY_S = 90.0


class HomeserverError(DemoError):
    """The homeserver did not come up; the message says why and where its log is."""


class Homeserver:
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
        self.log_path = directory / "homeserver.log"
        self._federation_servers = federation_servers
        self._certificates = certificates
        self._registration = registration
        self._module = module
        self._database = database or {"name": "sqlite3", "path": str(directory / "homeserver.db")}
        self._process = ChildProcess(
            command=(
                sys.executable,
                "-m",
                "synapse.app.homeserver",
                "-c",
                str(directory / "homeserver.yaml"),
            ),
            directory=directory,
            output=directory / "homeserver.out",
        )

    @property
    def registration_secret(self) -> str:
        """The shared secret that makes accounts."""
        return self._secrets()["registration_shared_secret"]

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.is_running

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError before the first start."""
        return self._process.pid

    def render(self) -> None:
        """Write the configuration; secrets and keys that are there stay."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "media").mkdir(exist_ok=True)
        self._make_once("signing.key", _signing_key)
        values = self._values()
        _write_private(self.directory / "homeserver.yaml", render(f"{self.role}.yaml.j2", values))
        (self.directory / "log.yaml").write_text(render("log.yaml.j2", values), encoding="utf-8")
        if self._registration is not None:
            registration = yaml.safe_dump(dict(self._registration), sort_keys=False)
            _write_private(self.directory / "registration.yaml", registration)

    async def start(self) -> None:
        """Write the configuration and start the process; `wait_ready` says when it answers."""
        await asyncio.to_thread(self.render)
        await self._process.start()

    async def wait_ready(self) -> None:
        """Returns once the client API answers.

        Raises HomeserverError when the process ends or takes longer than 90 s.
        """
        try:
            url = f"{self.client_url}/_matrix/client/versions"
            await self._process.wait_answering(url, within_s=_READY_S)
        except ProcessEndedError as error:
            raise HomeserverError(f"{self._label()} ended at its start: {error}") from None
        except TimeoutError:
            raise HomeserverError(
                f"{self._label()} did not answer in {_READY_S:.0f} s; see {self.log_path}"
            ) from None

    async def stop(self) -> None:
        """Stop the process cleanly; it is killed when it does not."""
        await self._process.stop()

    async def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop, start, and wait until it answers."""
        await self.stop()
        await self.start()
        await self.wait_ready()

    async def wait_ended(self) -> int:
        """The exit code, once the process ends, for whatever reason."""
        return await self._process.wait()

    def _label(self) -> str:
        return f"the {self.role} homeserver ({self.server_name})"

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
            _write_private(path, make())
        return path.read_text(encoding="utf-8")


def _new_secrets() -> str:
    names = ("registration_shared_secret", "macaroon_secret_key", "form_secret")
    return yaml.safe_dump({name: secrets.token_urlsafe(32) for name in names})


def _signing_key() -> str:
    # Synapse's own format (signedjson): algorithm, version, unpadded seed.
    return f"ed25519 a_{secrets.token_hex(2)} {encode_base64(secrets.token_bytes(32))}\n"


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
