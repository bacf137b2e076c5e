"""`videoconsulta identity`: people whose end-to-end encryption identity changed."""

import asyncio

import click

from bridge import app
from bridge.cli.options import USER_ID, settings_option
from bridge.settings import Settings


@click.group()
def identity() -> None:
    """People whose end-to-end encryption identity changed: nothing is sent to them until it is accepted."""


@identity.command("list")
@settings_option
def list_(settings: Settings) -> None:
    """Those whose changed identity waits to be accepted, one a line."""
    for user_id in asyncio.run(_list(settings)):
        click.echo(user_id)


async def _list(settings: Settings) -> list[str]:
    async with app.opened(settings) as platform:
        return await platform.encryption.changed_identities()


@identity.command()
@settings_option
@click.argument("user_id", type=USER_ID)
def accept(settings: Settings, user_id: str) -> None:
    """Trust the identity that this person publishes now: ask them first, by telephone or in person."""
    if asyncio.run(_accept(settings, user_id)):
        click.echo(f"the identity of {user_id} is accepted")
    else:
        click.echo(f"the identity of {user_id} has not changed")


async def _accept(settings: Settings, user_id: str) -> bool:
    async with app.opened(settings) as platform:
        if user_id not in await platform.encryption.changed_identities():
            return False
        await platform.encryption.accept_identity(user_id)
    return True
