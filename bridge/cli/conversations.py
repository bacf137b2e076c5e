"""`videoconsulta conversation`: the rooms of conversations."""

import asyncio
from collections.abc import Sequence

import click

from appointments.errors import NotInCareTeamError
from bridge import app
from bridge.cli.options import settings_option
from bridge.errors import ConversationNotFoundError
from bridge.matrix.errors import MatrixError
from bridge.rooms.moving_in import NotInvitedError
from bridge.settings import Settings
from bridge.upgrading import NotUpgradedError, Upgrading

_REASONS = (NotUpgradedError, NotInvitedError, NotInCareTeamError, ConversationNotFoundError, MatrixError)


@click.group()
def conversation() -> None:
    """The conversations of patients and professionals."""


@conversation.command()
@settings_option
@click.argument("conversation_id", required=False)
@click.option("--all", "of_all", is_flag=True, help="Every conversation.")
@click.option("--room-version", help="The Matrix room version of the new room.  [default: the homeserver's]")
def upgrade(
    settings: Settings, conversation_id: str | None, *, of_all: bool, room_version: str | None
) -> None:
    """Move a conversation into a new room; it keeps its id, its history and its people.

    The bridge may run meanwhile. Of --all, those are left out in which somebody has yet to accept the invitation.
    May be repeated: what is in a room of that version stays there, and what was interrupted goes on.
    """
    if (conversation_id is None) is not of_all:
        raise click.UsageError("Name a conversation, or say --all.")
    asyncio.run(_upgrade(settings, conversation_id, room_version))


async def _upgrade(settings: Settings, wanted: str | None, room_version: str | None) -> None:
    async with app.opened(settings) as platform:
        version = await platform.upgrading.version(room_version)
        chosen = await platform.upgrading.all() if wanted is None else [wanted]
        refused = await upgrade_each(platform.upgrading, chosen, version, waits_for_people=wanted is None)
    if refused:
        raise click.ClickException(f"not moved, to be tried again: {', '.join(refused)}")


async def upgrade_each(
    upgrading: Upgrading, chosen: Sequence[str], version: str, *, waits_for_people: bool
) -> list[str]:
    """Say of each what came of it; those that could not be moved."""
    refused: list[str] = []
    refusing: set[str] = set()  # their homeserver counts each try
    for number, one in enumerate(chosen, start=1):
        place = f"{number} of {len(chosen)}: {one}"
        try:
            room_id = await upgrading.upgrade(
                one, version=version, waits_for_people=waits_for_people, refusing=refusing
            )
        except _REASONS as error:
            refused.append(one)
            refusing.update(error.people if isinstance(error, NotInvitedError) else ())
            click.echo(f"{place}: {_reason(error)}", err=True)
        else:
            click.echo(f"{place} {'was moved before' if room_id is None else f'goes on in {room_id}'}")
    return refused


def _reason(error: Exception) -> str:
    if isinstance(error, ConversationNotFoundError):
        return "there is no such conversation"
    return str(error) or "care has ended"
