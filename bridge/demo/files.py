"""Files of the platform on this machine that must not be lost, and that concern nobody else."""

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """This text in this file, for this user's eyes only.

    Whoever reads it, after a kill or a full disk too, finds the whole of it or what was there before. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
