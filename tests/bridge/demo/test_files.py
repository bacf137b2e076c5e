"""bridge/demo/files.py: secrets are there as a whole or as they were."""

from pathlib import Path

import pytest

from bridge.demo.files import write_private


def test_a_file_is_for_this_user_alone(tmp_path: Path) -> None:
    """Made with its folder, and nothing beside it."""
    path = tmp_path / "folder" / "secrets.yaml"
    write_private(path, "ñ")
    assert path.read_text(encoding="utf-8") == "ñ"
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk a file is cut off when it is opened: that must not be the one with the passwords."""
    path = tmp_path / "passwords.yaml"
    write_private(path, "maria: before")
    write = Path.write_text

    def until_the_disk_is_full(self: Path, text: str, **options: str) -> None:
        write(self, text[:5], **options)
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", until_the_disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        write_private(path, "maria: after")
    assert path.read_text(encoding="utf-8") == "maria: before"
