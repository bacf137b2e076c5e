"""Commands with a settings file: what they print, and how they fail."""

from pathlib import Path

from click.testing import CliRunner, Result

from bridge.cli.commands import main

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
