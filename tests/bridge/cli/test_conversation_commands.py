"""`videoconsulta conversation`, where no homeserver is; tests/e2e/test_room_upgrade.py has the rest."""

from pathlib import Path

import pytest

from bridge.cli.conversations import upgrade_each
from tests.bridge.cli.command_line import fail, run
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic
from tests.bridge.trouble import TOO_MANY, failing, works
from tests.bridge.upgrading.ward import opened, say


@pytest.mark.parametrize("which", [[], ["!room", "--all"]], ids=["none", "both"])
def test_one_or_all(migrated: Path, which: list[str]) -> None:
    """What is to be moved is said, once."""
    refused = run(migrated, "conversation", "upgrade", *which)
    assert refused.exit_code == 2
    assert "--all" in refused.stderr


def test_without_the_homeserver_nothing_is_moved(migrated: Path) -> None:
    """One line says so."""
    assert "does not answer" in fail(migrated, "conversation", "upgrade", "--all")


async def test_each_is_told_of(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    """At which of how many it is; one that can't be moved now holds up none, and is said."""
    first, second = await opened(clinic, LUCIA), await opened(clinic, JUAN)
    await say(clinic, first, "hola")
    await clinic.homeserver.leave(user_id=GARCIA, room_id=first)
    chosen, upgrading = [first, second, "!other"], clinic.main.upgrading
    assert await upgrade_each(upgrading, chosen, "13", waits_for_people=True) == [first, "!other"]
    said, complained = capsys.readouterr()
    assert said == f"2 of 3: {second} goes on in {list(clinic.homeserver.rooms)[-1]}\n"
    assert complained.splitlines() == [
        f"1 of 3: {first}: {GARCIA} has to accept the invitation to its room first",
        "3 of 3: !other: there is no such conversation",
    ]
    assert await upgrade_each(upgrading, [first, second], "13", waits_for_people=False) == []
    assert capsys.readouterr().out.splitlines()[1] == f"2 of 2: {second} was moved before"


async def test_who_can_not_be_invited_is_not_asked_again(
    clinic: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    """Her other conversations stay where they are too, and it says so; a later run takes them all."""
    chosen = [await opened(clinic, LUCIA), await opened(clinic, JUAN)]
    clinic.homeserver.before = failing(TOO_MANY, "invite", about=GARCIA)
    upgrading = clinic.main.upgrading
    asked = len(clinic.homeserver.called("invite"))
    assert await upgrade_each(upgrading, chosen, "13", waits_for_people=True) == chosen
    assert capsys.readouterr().err.splitlines() == [
        f"1 of 2: {chosen[0]}: {GARCIA} can't be invited now",
        f"2 of 2: {chosen[1]}: {GARCIA} can't be invited now",
    ]
    of_garcia = [one for one in clinic.homeserver.called("invite")[asked:] if one["invitee"] == GARCIA]
    assert len(of_garcia) == 1
    clinic.homeserver.before = works
    assert await upgrade_each(upgrading, chosen, "13", waits_for_people=True) == []
