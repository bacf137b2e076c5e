"""The `videoconsulta` command: its groups are loaded when used, its errors are one clear line and exit 1."""

import sys
from importlib import import_module
from typing import Any, NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError

from appointments.errors import CareError
from appointments.sealing import SealBrokenError
from bridge.cli.wording import say_error
from bridge.errors import DatabaseUnusableError, ServiceError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.settings import SettingsError

_COMMANDS = {
    "apikey": "bridge.cli.apikeys:apikey",
    "care": "bridge.cli.care:care",
    "config": "bridge.cli.config:config",
    "conversation": "bridge.cli.conversations:conversation",
    "demo": "bridge.demo.command:demo_command",
    "device": "bridge.cli.devices:device",
    "doctor": "bridge.cli.doctor:doctor",
    "identity": "bridge.cli.identities:identity",
    "migrate": "bridge.cli.serve:migrate",
    "registration": "bridge.cli.serve:registration",
    "serve": "bridge.cli.serve:serve",
    "representative": "bridge.cli.representatives:representative",
    "user": "bridge.cli.people:user",
}
_EXPECTED = (
    SettingsError,
    DatabaseUnusableError,
    CareError,
    ServiceError,
    SealBrokenError,
    MatrixError,
    HomeserverUnreachableError,
    SQLAlchemyError,
    OSError,
)


class _Commands(click.Group):
    """Imports a command when it is named: `--help` and `registration` need no homeserver client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what can be expected to go wrong is said in a line, without a traceback."""
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            _give_up(error)


def _give_up(error: Exception) -> NoReturn:
    for line in say_error(error):
        click.echo(line, err=True)
    sys.exit(1)


@click.command("videoconsulta", cls=_Commands)
@click.version_option(package_name="videoconsulta")
def main() -> None:
    """Chat and video consultations for a patient portal, end-to-end encrypted, on Matrix."""
