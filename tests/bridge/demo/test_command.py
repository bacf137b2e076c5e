"""`videoconsulta demo`: what goes wrong is said in one clear line."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.demo.command import demo_command
from bridge.demo.ports import Ports
from bridge.demo.settings_file import demo_settings


def _refusal(*arguments: str) -> str:
    result: Result = CliRunner().invoke(demo_command, list(arguments))
    assert result.exit_code == 1
    (line,) = result.output.strip().splitlines()
    return line


def test_a_port_in_use(tmp_path: Path) -> None:
    """The port and its use are named, and nothing is written."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        base = min(port, 65_000)
        line = _refusal("--data-dir", str(tmp_path / "data"), "--base-port", str(base))
        assert str(port) in line
        assert "--base-port" in line
    assert not (tmp_path / "data").exists()


def test_a_directory_of_other_ports(tmp_path: Path) -> None:
    """Data made on other ports is left alone, and so is what a demo that runs there has announced."""
    demo_settings(tmp_path / "videoconsulta.yaml", ports=Ports.from_base(30_100))
    announced = tmp_path / "demo.json"
    announced.touch()
    line = _refusal("--data-dir", str(tmp_path), "--base-port", "30110")
    assert "30104" in line
    assert announced.exists()


def test_broken_settings(tmp_path: Path) -> None:
    """A settings file that somebody broke is named."""
    (tmp_path / "videoconsulta.yaml").write_text("homeserver: [")
    line = _refusal("--data-dir", str(tmp_path), "--base-port", "30120")
    assert "videoconsulta.yaml" in line


def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    """A path below a file can't be a directory."""
    (tmp_path / "file").touch()
    line = _refusal("--data-dir", str(tmp_path / "file" / "data"), "--base-port", "30130")
    assert "file" in line


def test_without_synapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Synapse was not installed, the demo says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    line = _refusal("--data-dir", str(tmp_path), "--base-port", "30140")
    assert "videoconsulta[demo]" in line
