"""The command line against a real database: what it prints, and how it fails."""

import re
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner, Result

from appointments.sealing import Sealer
from bridge import app
from bridge.cli.commands import main
from bridge.e2ee.model import Device
from bridge.migrations import upgrade

MARIA, GARCIA = "@maria:p.example", "@garcia:h.example"
RAW = {
    "secret": "s" * 40,
    "homeserver": {
        "server_name": "p.example",
        "url": "http://127.0.0.1:9",
        "allowed_servers": ["h.example"],
    },
    "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
}


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


def run(config: Path, *arguments: str) -> Result:
    """One command with this settings file."""
    return CliRunner().invoke(main, [*arguments, "--config", str(config)])


def succeed(config: Path, *arguments: str) -> str:
    """What a command printed that succeeded."""
    result = run(config, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(config: Path, *arguments: str) -> str:
    """The one line that a command said when it failed."""
    result = run(config, *arguments)
    assert result.exit_code == 1, result.output
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    return line


def test_every_command_has_its_help() -> None:
    """All of them are there and can be loaded."""
    listed = CliRunner().invoke(main, ["--help"]).stdout
    for name in ("serve", "registration", "config", "migrate", "user", "care", "apikey", "doctor", "demo"):
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


def test_a_missing_settings_file_is_one_line(tmp_path: Path) -> None:
    """For every command; no traceback."""
    assert "none.yaml" in fail(tmp_path / "none.yaml", "registration")


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


def test_care_comes_and_goes(migrated: Path) -> None:
    """Entered, listed, ended, and ended again."""
    succeed(migrated, "care", "add", MARIA, GARCIA, "--role", "gp", "--reason", "revisión")
    assert f"{MARIA}\t{GARCIA}\tgp" in succeed(migrated, "care", "list", "--patient", MARIA)
    assert succeed(migrated, "care", "list", "--professional", "@other:h.example") == ""
    assert succeed(migrated, "care", "end", MARIA, GARCIA) == "ended\n"
    assert "nothing to end" in succeed(migrated, "care", "end", MARIA, GARCIA)
    assert "not active" in succeed(migrated, "care", "list")


def test_representatives_come_and_go(migrated: Path) -> None:
    """Entered with scopes, listed, ended, and ended again; nobody represents themselves."""
    madre = "@madre:p.example"
    succeed(migrated, "representative", "add", MARIA, madre, "--scope", "video", "--scope", "messages")
    assert f"{MARIA}\t{madre}\tmessages,video\t" in succeed(migrated, "representative", "list")
    assert succeed(migrated, "representative", "list", "--patient", madre) == ""
    assert succeed(migrated, "representative", "end", MARIA, madre) == "ended\n"
    assert "nothing to end" in succeed(migrated, "representative", "end", MARIA, madre)
    assert "not active" in succeed(migrated, "representative", "list")
    assert "their own representative" in fail(migrated, "representative", "add", MARIA, MARIA)


def test_a_professional_leaves(migrated: Path) -> None:
    """All at once; may be repeated, and there need not have been anything."""
    succeed(migrated, "care", "add", MARIA, GARCIA, "--role", "gp")
    assert "1 care relationships and 0 representations ended" in succeed(migrated, "care", "leave", GARCIA)
    assert "0 care relationships and 0 representations ended" in succeed(migrated, "care", "leave", GARCIA)
    assert "not active" in succeed(migrated, "care", "list")


def test_identities_are_accepted_when_they_changed(migrated: Path) -> None:
    """Nobody's did here."""
    assert succeed(migrated, "identity", "list") == ""
    assert "has not changed" in succeed(migrated, "identity", "accept", GARCIA)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((MARIA, "@x:elsewhere", "--role", "gp"), "allowed_servers"),
        ((MARIA, MARIA, "--role", "gp"), "their own care"),
        ((MARIA, GARCIA, "--role", "gp", "--until", "2020-01-01T00:00:00Z"), "--until"),
    ],
)
def test_wrong_care_is_one_line(migrated: Path, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong, and what can be done."""
    assert words in fail(migrated, "care", "add", *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("care", "add", "maria", GARCIA, "--role", "gp"),
        ("care", "add", MARIA, GARCIA, "--role", "gp", "--from", "2026-11-23T09:00:00"),
        ("user", "add", "lucia", "--timezone", "Madrid"),
        ("apikey", "create", "x", "--scope", "nope"),
    ],
)
def test_wrong_values_are_usage_errors(migrated: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2, as click does, naming the value."""
    assert run(migrated, *arguments).exit_code == 2


def test_people_with_their_own_client_are_entered(migrated: Path) -> None:
    """Without a homeserver; listed and deactivated."""
    assert succeed(migrated, "user", "add", MARIA, "--no-managed", "--display-name", "María").strip() == MARIA
    assert f"{MARIA}\town client\tes\tEurope/Madrid\tactive" in succeed(migrated, "user", "list")
    succeed(migrated, "user", "deactivate", MARIA)
    assert "deactivated" in succeed(migrated, "user", "list")
    assert "nobody is known" in fail(migrated, "user", "deactivate", "@nobody:p.example")


@pytest.mark.parametrize("name", [MARIA, "@portal_lucia:h.example", "a@b", "ñ:"])
def test_only_portal_names_can_be_managed(migrated: Path, name: str) -> None:
    """The homeserver lets us hold nobody else: refused before anything is asked of it."""
    assert run(migrated, "user", "add", name).exit_code != 0
    assert succeed(migrated, "user", "list") == ""


def test_a_managed_user_gets_a_device_before_they_can_be_acted_for(migrated: Path, monkeypatch) -> None:
    """The account is provisioned; when that fails the person is not entered, and one line says why.

    The new device hears of changes from its beginning.
    """
    assert "homeserver" in fail(migrated, "user", "add", "lucia")
    assert succeed(migrated, "user", "list") == ""
    provisioned: list[str] = []
    begun: list[tuple[str, str]] = []

    async def provision(user_id: str) -> None:
        provisioned.append(user_id)

    async def device_of(user_id: str) -> Device:
        return Device(user_id, "VC1")

    async def begin(user_id: str, device_id: str) -> None:
        begun.append((user_id, device_id))

    opened = app.opened

    @asynccontextmanager
    async def without_homeserver(settings):
        async with opened(settings) as platform:
            yield SimpleNamespace(
                database=platform.database,
                sealer=Sealer(b"k" * 32),
                now=platform.now,
                encryption=SimpleNamespace(provision=provision, device_of=device_of),
                catch_up=SimpleNamespace(begin=begin),
            )

    with monkeypatch.context() as patch:
        patch.setattr(app, "opened", without_homeserver)
        assert succeed(migrated, "user", "add", "Lucia").strip() == "@portal_lucia:p.example"
    assert provisioned == ["@portal_lucia:p.example"]
    assert begun == [("@portal_lucia:p.example", "VC1")]


def test_the_doctor_names_what_is_wrong(config: Path) -> None:
    """A line for each thing, exit 1; nothing runs here, so nothing is well but the database once migrated."""
    result = run(config, "doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line[0] for line in lines] == ["✗"] * 6
    assert "videoconsulta migrate" in lines[0]
    succeed(config, "migrate")
    assert run(config, "doctor").stdout.startswith("✓ database")
