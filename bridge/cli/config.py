"""`videoconsulta config`: the settings file."""

from pathlib import Path

import click

from bridge.settings import load_settings


@click.group()
def config() -> None:
    """The settings file."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("videoconsulta.yaml"))
def check(file: Path) -> None:
    """Say every problem of a settings file, one a line; exit 1 when there is one."""
    load_settings(file)
    click.echo(f"{file}: no problems")
