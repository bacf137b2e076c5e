"""The command line against a real database: what it prints, and how it fails."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bridge import app
from bridge.cli.commands import main
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.settings import Settings, load_settings
from tests.bridge.cli.command_line import GARCIA, MARIA, RAW, fail, run, succeed


def test_every_command_has_its_help() -> None:
    """All of them are there and can be loaded."""
    listed = CliRunner().invoke(main, ["--help"]).stdout
    for name in (
        "serve",
        "registration",
        "config",
        "conversation",
        "migrate",
        "user",
        "care",
        "apikey",
        "doctor",
        "demo",
    ):
        assert name in listed
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_an_unknown_command_is_a_usage_error() -> None:
    """As click says it."""
    assert CliRunner().invoke(main, ["nope"]).exit_code == 2


def test_settings_are_checked(config: Path, tmp_path: Path) -> None:
    """No problem: said so. Problems: every one on a line of its own, exit 1. No file: one line."""
    assert "no problems" in CliRunner().invoke(main, ["config", "check", str(config)]).stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump({**RAW, "secret": "short", "other": 1}))
    result = CliRunner().invoke(main, ["config", "check", str(wrong)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 2)
    result = CliRunner().invoke(main, ["config", "check", str(tmp_path / "none.yaml")])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "command",
    [
        *(["registration"], ["serve"], ["migrate"], ["doctor"], ["apikey", "list"], ["care", "list"]),
        *(["user", "list"], ["representative", "list"], ["identity", "list"]),
    ],
    ids=" ".join,
)
def test_a_missing_settings_file_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """For every command; no traceback."""
    assert "none.yaml" in fail(tmp_path / "none.yaml", *command)


def test_the_registration_is_printed(config: Path) -> None:
    """As YAML that can be written to a file."""
    printed = yaml.safe_load(succeed(config, "registration"))
    assert printed["as_token"] == RAW["appservice"]["as_token"]


def test_an_old_database_is_one_line(config: Path) -> None:
    """Commands name the way out, and `migrate` is it; it may be repeated."""
    assert "videoconsulta migrate" in fail(config, "apikey", "list")
    succeed(config, "migrate")
    succeed(config, "migrate")
    assert succeed(config, "apikey", "list") == ""


@pytest.mark.parametrize(
    "command", [["migrate"], ["serve"], ["apikey", "list"], ["care", "list"], ["user", "list"]], ids=" ".join
)
def test_a_database_that_cannot_be_used_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """It is the database that is named, not the number of an error."""
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**RAW, "database": f"sqlite:///{tmp_path}/none/v.db"}))
    assert fail(path, *command).startswith("database: ")


def test_a_taken_port_is_one_line(migrated: Path) -> None:
    """Where we wanted to listen, and why we can't."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        migrated.write_text(yaml.safe_dump({**yaml.safe_load(migrated.read_text()), "http": {"port": port}}))
        line = fail(migrated, "serve")
    assert line == f"http: can't listen at 127.0.0.1:{port}: somebody else listens there"


def test_another_secret_is_one_line(migrated: Path) -> None:
    """Nothing runs with it, and the doctor says so: else it would seal new things that the right one doesn't open."""
    settings = yaml.safe_load(migrated.read_text())
    asyncio.run(_make_device(load_settings(migrated)))
    assert run(migrated, "doctor").stdout.startswith("✓ database")
    migrated.write_text(yaml.safe_dump({**settings, "secret": "x" * 40}))
    for command in (["serve"], ["user", "list"], ["apikey", "create", "x", "--scope", "care"]):
        assert "secret is not the one" in fail(migrated, *command)
    assert run(migrated, "doctor").stdout.startswith("✗ database: was written with another secret")


async def _make_device(settings: Settings) -> None:
    async with app.opened(settings) as platform:
        # Made and sealed before the homeserver, which is not there, is asked.
        with pytest.raises(HomeserverUnreachableError):
            await platform.encryption.provision(settings.assistant_id)


def test_keys_come_and_go(migrated: Path) -> None:
    """The token is the only thing on standard output; the list shows state, never secrets."""
    token = succeed(migrated, "apikey", "create", "portal", "--scope", "care", "--scope", "messages").strip()
    match = re.fullmatch(r"vc_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", token)
    assert match is not None
    listed = succeed(migrated, "apikey", "list")
    assert (match[1] in listed, token in listed) == (True, False)
    assert "care,messages\tactive" in listed
    succeed(migrated, "apikey", "revoke", match[1])
    assert "revoked" in succeed(migrated, "apikey", "list")
    assert "no such API key" in fail(migrated, "apikey", "revoke", "nope")


def test_an_expired_key_is_listed_as_such(migrated: Path) -> None:
    """With the instant at which it expired, in UTC."""
    succeed(migrated, "apikey", "create", "old", "--scope", "care", "--expires", "2020-01-01T01:00:00+01:00")
    assert "expired 2020-01-01T00:00:00.000Z" in succeed(migrated, "apikey", "list")


@pytest.mark.parametrize(
    "arguments",
    [
        ("care", "add", "maria", GARCIA, "--role", "gp"),
        ("care", "add", MARIA, GARCIA, "--role", "gp", "--from", "2026-11-23T09:00:00"),
        ("user", "add", "lucia", "--timezone", "Madrid"),
        ("apikey", "create", "x", "--scope", "nope"),
        ("apikey", "create", "", "--scope", "care"),
        ("apikey", "create", "two\nlines", "--scope", "care"),
        ("user", "add", MARIA, "--no-managed", "--display-name", "a\tb"),
        ("care", "add", MARIA, GARCIA, "--role", ""),
        ("care", "add", MARIA, GARCIA, "--role", "g" * 65),
        ("care", "add", MARIA, GARCIA, "--role", "gp", "--reason", "a\x07"),
        ("care", "add", MARIA, GARCIA, "--role", "\udcff"),
        ("care", "add", MARIA, GARCIA, "--role", "gp", "--reason", "\udcff"),
        ("apikey", "revoke", "\udcff"),
        ("representative", "add", MARIA, GARCIA, "--reason", "r" * 2001),
    ],
)
def test_wrong_values_are_usage_errors(migrated: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2, as click does, naming the value; what the API refuses is refused here too, and what is no UTF-8."""
    assert run(migrated, *arguments).exit_code == 2


def test_the_doctor_names_what_is_wrong(config: Path) -> None:
    """A line for each thing, exit 1; nothing runs here, so nothing is well but the database once migrated."""
    result = run(config, "doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line[0] for line in lines] == ["✗"] * 7
    assert "videoconsulta migrate" in lines[0]
    succeed(config, "migrate")
    assert run(config, "doctor").stdout.startswith("✓ database")
