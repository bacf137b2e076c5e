"""docs/operators.md: what it tells to type is understood; nothing of it is run."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import click
import pytest
import yaml

from bridge.cli.commands import main
from bridge.settings import load_settings
from tests.docs.generated import DOCS

_TEXT = (DOCS / "operators.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(match[2], dedent(match[3])) for match in _BLOCK.finditer(_TEXT)]
SETTINGS = [text for kind, text in BLOCKS if kind == "yaml" and "experimental_features" not in text]
COMMANDS = [
    line
    for kind, text in BLOCKS
    if not kind
    for line in text.splitlines()
    if line.startswith("videoconsulta ")
]
INLINE = sorted({one for one in re.findall(r"`(videoconsulta [^`]+)`", _TEXT) if "…" not in one})


def whole(text: str) -> str:
    """The file of the first start with these settings in it; a secret that is left to the reader is made up."""
    file, more = yaml.safe_load(SETTINGS[0]), yaml.safe_load(text)
    for name, value in more.items():
        file[name] = {**file.get(name, {}), **value} if isinstance(value, dict) else value
    return str(yaml.safe_dump(file, allow_unicode=True)).replace("…", "x" * 32)


def understood(command: click.Command, words: Sequence[str]) -> None:
    """The command is there, with these options and arguments. Raises click.UsageError."""
    with command.make_context(command.name, list(words)) as context:
        if isinstance(command, click.Group):
            _, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert chosen is not None
            understood(chosen, rest)


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the guide's first step, where commands look for it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "videoconsulta.yaml"
    file.write_text(whole(SETTINGS[0]), encoding="utf-8")
    return file


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_are_such(text: str, settings_file: Path) -> None:
    """Each example, put into the first one, is taken without a problem."""
    settings_file.write_text(whole(text), encoding="utf-8")
    assert load_settings(settings_file)


@pytest.mark.parametrize("line", [*COMMANDS, *INLINE])
def test_commands_are_such(line: str, settings_file: Path) -> None:
    """With the options that stand there."""
    assert settings_file.exists()
    _, *words = shlex.split(line.partition(">")[0], comments=True)
    understood(main, words)


def test_there_are_examples() -> None:
    """None was missed by the way they are looked for."""
    assert len(SETTINGS) == _TEXT.count("```yaml") - 1
    assert len(COMMANDS) == len(re.findall(r"^videoconsulta ", _TEXT, re.MULTILINE))
    assert len(INLINE) >= 4
