"""The settings of a platform on this machine: written at its first start, then kept."""

import secrets
from pathlib import Path

import yaml

from bridge.demo.errors import DemoError
from bridge.demo.ports import Ports
from bridge.settings import Settings, load_settings


def demo_settings(
    path: Path, *, ports: Ports, appservice_url: str | None = None, database: str | None = None
) -> Settings:
    """The settings in this file, made with fresh secrets when there is none.

    `appservice_url` is where the homeserver sends transactions, when that is not where the bridge listens;
    `database` our database's URL, when that is not a SQLite file beside the settings.
    Raises DemoError when the file belongs to a platform on other ports: server names contain them, and all
    data those names. Raises SettingsError when somebody has broken the file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            _new_settings(path.parent, ports=ports, appservice_url=appservice_url, database=database),
            encoding="utf-8",
        )
    settings = load_settings(path)
    made_for = (settings.homeserver.server_name, settings.homeserver.url, settings.http.port)
    asked_for = (_server_name(ports.portal_federation), _loopback(ports.portal_client), ports.api)
    if made_for != asked_for:
        raise DemoError(
            f"{path.parent} holds a platform on other ports (portal {made_for[0]}, API {made_for[2]}): "
            "start it with the --base-port it was made with, or choose another --data-dir."
        )
    return settings


def _new_settings(directory: Path, *, ports: Ports, appservice_url: str | None, database: str | None) -> str:
    values = {
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
    }
    return yaml.safe_dump(values, sort_keys=False)


def _server_name(federation_port: int) -> str:
    return f"localhost:{federation_port}"


def _loopback(port: int) -> str:
    return f"http://127.0.0.1:{port}"
