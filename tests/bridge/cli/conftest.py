"""Settings files, with a database and without."""

from pathlib import Path

import pytest
import yaml

from bridge.migrations import upgrade
from tests.bridge.cli.command_line import RAW


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file whose database does not exist yet."""
    path = tmp_path / "videoconsulta.yaml"
    path.write_text(yaml.safe_dump({**RAW, "database": f"sqlite:///{tmp_path}/v.db"}))
    return path


@pytest.fixture
def migrated(config: Path) -> Path:
    """A settings file whose database has the newest schema."""
    upgrade(yaml.safe_load(config.read_text())["database"])
    return config
