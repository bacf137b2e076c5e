"""The settings of a platform on this machine: written at its first start, then kept."""

import secrets
from pathlib import Path
from typing import Any

import yaml

from bridge.demo.certificates import certificate_files
from bridge.demo.errors import DemoError
from bridge.demo.files import write_private
from bridge.demo.mail_sink import HOST
from bridge.demo.ports import Ports
from bridge.settings import Settings, load_settings


def demo_settings(
    path: Path,
    *,
    ports: Ports,
    appservice_url: str | None = None,
    database: str | None = None,
    smtp_port: int | None = None,
) -> Settings:
    """The settings in this file, made with fresh secrets when there is none.

    `appservice_url` is where the homeserver sends transactions, when that is not where the bridge listens;
    `database` our database's URL, when that is not a SQLite file beside the settings; `smtp_port` this start's
    mail sink, which is used unless the file names a mail server elsewhere.
    Raises DemoError when the file belongs to a platform on other ports: server names contain them, and all
    data those names. Raises SettingsError when somebody has broken the file.
    """
    fresh = _new_settings(path.parent, ports=ports, appservice_url=appservice_url, database=database)
    if smtp_port is not None:
        fresh["smtp"] = _smtp(path.parent, port=smtp_port)
    if not path.exists():
        write_private(path, _as_yaml(fresh))
    settings = load_settings(path)
    made_for = (settings.homeserver.server_name, settings.homeserver.url, settings.http.port)
    asked_for = (_server_name(ports.portal_federation), _loopback(ports.portal_client), ports.api)
    if made_for != asked_for:
        raise DemoError(
            f"{path.parent} holds a platform on other ports (portal {made_for[0]}, API {made_for[2]}): "
            "start it with the --base-port it was made with, or choose another --data-dir."
        )
    lacking = fresh.keys() - settings.model_fields_set  # made by a version that knew less
    if settings.smtp is not None and settings.smtp.host == HOST:
        lacking |= fresh.keys() & {"smtp"}  # of an earlier start
    if lacking:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
        write_private(path, _as_yaml(known | {key: fresh[key] for key in lacking}))
        settings = load_settings(path)
    return settings


def _smtp(directory: Path, *, port: int) -> dict[str, Any]:
    return {
        "host": HOST,
        "port": port,
        "from_address": "no-reply@demo.example",
        "ca_file": str(certificate_files(directory.resolve() / "tls").authority),
    }


def _as_yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False)


def _new_settings(
    directory: Path, *, ports: Ports, appservice_url: str | None, database: str | None
) -> dict[str, Any]:
    return {
        "database": database or f"sqlite:///{directory.resolve() / 'videoconsulta.db'}",
        "secret": secrets.token_urlsafe(48),
        "homeserver": {
            "server_name": _server_name(ports.portal_federation),
            "url": _loopback(ports.portal_client),
            "allowed_servers": [_server_name(ports.hospital_federation)],
        },
        "appservice": {
            "url": appservice_url or _loopback(ports.api),
            "as_token": secrets.token_urlsafe(32),
            "hs_token": secrets.token_urlsafe(32),
        },
        "http": {"host": "127.0.0.1", "port": ports.api},
        # Both homeservers are on loopback, with certificates of the platform's own authority.
        "federation": {
            "ca_file": str(certificate_files(directory.resolve() / "tls").authority),
            "allow_private_addresses": True,
        },
        # Nor does a push service that somebody tries it with lie elsewhere.
        "push": {"allow_private_addresses": True},
        "policy": {"secret": secrets.token_urlsafe(32)},
    }


def _server_name(federation_port: int) -> str:
    return f"localhost:{federation_port}"


def _loopback(port: int) -> str:
    return f"http://127.0.0.1:{port}"
