"""`videoconsulta serve`, and what an operator does before: `registration`, `migrate`."""

import asyncio
import sys

import click

from bridge import logs, migrations
from bridge.cli.options import settings_option
from bridge.matrix.registration import registration_yaml
from bridge.serve import ROLES, Role, run
from bridge.settings import Settings


@click.command()
@settings_option
@click.option("--only", type=click.Choice(ROLES), help="Run one part, beside other processes.")
def serve(settings: Settings, only: Role | None) -> None:
    """Serve the API, the bots and the scheduler, against existing homeservers."""
    logs.configure(settings.log, stream=sys.stderr)
    asyncio.run(run(settings, roles=ROLES if only is None else (only,)))


@click.command()
@settings_option
def registration(settings: Settings) -> None:
    """Print the application service's registration for the homeserver's operator."""
    click.echo(registration_yaml(settings), nl=False)


@click.command()
@settings_option
def migrate(settings: Settings) -> None:
    """Bring the database to the newest schema."""
    migrations.upgrade(settings.database)
    click.echo("the database has the newest schema")
