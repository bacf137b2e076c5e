"""`videoconsulta device` on the command line, where there is none; tests/e2e/test_older_copy.py has the rest."""

from pathlib import Path

from tests.bridge.cli.command_line import MARIA, fail, run, succeed


def test_nothing_to_renew(migrated: Path) -> None:
    """Nobody has a device of ours, and who is named wrongly is told."""
    assert succeed(migrated, "device", "list") == ""
    assert succeed(migrated, "device", "renew") == ""
    assert "holds no device" in fail(migrated, "device", "renew", MARIA)
    assert run(migrated, "device", "renew", "lucia").exit_code != 0
