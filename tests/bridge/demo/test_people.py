"""The secrets of the demo's people."""

from pathlib import Path

from bridge.demo.people import Passwords


def test_a_password_is_made_once_and_kept(tmp_path: Path) -> None:
    """A start that was interrupted goes on with the same passwords: accounts may have them already."""
    path = tmp_path / "passwords.yaml"
    made = Passwords(path).make("maria")
    assert len(made) >= 12
    assert Passwords(path).make("maria") == made
    assert Passwords(path).make("pedro") != made
    assert path.stat().st_mode & 0o077 == 0


def test_what_was_never_kept_is_none(tmp_path: Path) -> None:
    """Asking makes nothing up."""
    assert Passwords(tmp_path / "passwords.yaml").get("portal-backend") is None
