"""People, care and representatives on the command line, against a real database."""

from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from appointments.sealing import Sealer
from bridge import app
from bridge.e2ee.model import Device
from tests.bridge.cli.command_line import GARCIA, MARIA, fail, run, succeed


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


def test_people_with_their_own_client_are_entered(migrated: Path) -> None:
    """Without a homeserver; listed and deactivated."""
    assert succeed(migrated, "user", "add", MARIA, "--no-managed", "--display-name", "María").strip() == MARIA
    assert f"{MARIA}\town client\tes\tEurope/Madrid\tactive" in succeed(migrated, "user", "list")
    succeed(migrated, "user", "deactivate", MARIA)
    assert "deactivated" in succeed(migrated, "user", "list")
    assert "nobody is known" in fail(migrated, "user", "deactivate", "@nobody:p.example")


@pytest.mark.parametrize("name", [MARIA, "@portal_lucia:h.example", "a@b", "ñ:", "", "@portal_:p.example"])
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
