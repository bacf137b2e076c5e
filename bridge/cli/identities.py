"""`videoconsulta identity`: people whose end-to-end encryption identity changed."""

import asyncio
import sys

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
        return await platform.encryption.identities.waiting()


@identity.command()
@settings_option
@click.argument("user_id", type=USER_ID)
@click.option("--fingerprint", help="Accept this one and no other; nothing is asked then.")
def accept(settings: Settings, user_id: str, fingerprint: str | None) -> None:
    """Trust the identity that this person publishes now: ask them first, by telephone or in person.

    Its fingerprint is shown before anything is accepted, and a person at a terminal is asked.
    """
    asyncio.run(_accept(settings, user_id, wanted=fingerprint))


async def _accept(settings: Settings, user_id: str, *, wanted: str | None) -> None:
    async with app.opened(settings) as platform:
        if user_id not in await platform.encryption.identities.waiting():
            click.echo(f"the identity of {user_id} has not changed")
            return
        key = await platform.encryption.identities.published(user_id)
        click.echo(f"{user_id} publishes now: {fingerprint_of(key)}")
        _make_sure(key, wanted=wanted)
        if not await platform.encryption.identities.accept(user_id, master_key=key):
            raise click.ClickException("it has just changed again; nothing is accepted")
        click.echo(f"the identity of {user_id} is accepted")


def _make_sure(key: str | None, *, wanted: str | None) -> None:
    if wanted is not None:
        if wanted.replace(" ", "") != fingerprint_of(key).replace(" ", ""):
            raise click.ClickException("that is not the fingerprint; nothing is accepted")
    elif sys.stdin.isatty():
        click.confirm("Did this person confirm it?", abort=True)


def fingerprint_of(master_key: str | None) -> str:
    """The master key in groups of four, as Element shows keys."""
    if master_key is None:
        return "no identity at all"
    return " ".join(master_key[start : start + 4] for start in range(0, len(master_key), 4))
