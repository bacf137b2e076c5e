"""`videoconsulta serve --only ROLE` as a process of its own, on a database, without a homeserver."""

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from bridge.demo.process import ChildProcess
from bridge.serve import Role

SECRET = "a secret of at least 32 characters, for tests"
SERVER = "portal.example"


def serving(role: Role, *, directory: Path, port: int, url: str, **more: Any) -> ChildProcess:
    """The process, not yet started; `more` are sections of its settings."""
    settings = {
        "database": url,
        "secret": SECRET,
        "homeserver": {"server_name": SERVER, "url": "http://127.0.0.1:9"},
        "appservice": {"url": "http://127.0.0.1:9", "as_token": "a" * 20, "hs_token": "h" * 20},
        "http": {"port": port},
        **more,
    }
    path = directory / f"{role}-{uuid4().hex[:8]}.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    path.chmod(0o600)
    command = (sys.executable, "-m", "bridge", "serve", "--only", role, "--config", str(path))
    return ChildProcess(command=command, directory=directory, output=path.with_suffix(".log"))
