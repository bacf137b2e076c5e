"""`videoconsulta apikey`: the keys of integrators."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import click

from bridge import app
from bridge.callers import apikeys
from bridge.callers.apikeys import SCOPES, ApiKey, Scope
from bridge.cli.options import INSTANT, NAME, settings_option
from bridge.clock import utc_now
from bridge.http.fields import format_instant
from bridge.settings import Settings


@click.group()
def apikey() -> None:
    """API keys of integrators."""


@apikey.command()
@settings_option
@click.argument("name", type=NAME)
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES))
@click.option("--expires", type=INSTANT, help="When it stops working; never when left out.")
def create(settings: Settings, name: str, scopes: tuple[Scope, ...], expires: datetime | None) -> None:
    """Make a key and print it, once: only a hash of it is kept."""
    key, token = asyncio.run(_create(settings, name=name, scopes=scopes, expires=expires))
    click.echo(f"key {key.id} of {name}; keep the next line, it is not shown again", err=True)
    click.echo(token)


async def _create(
    settings: Settings, *, name: str, scopes: tuple[Scope, ...], expires: datetime | None
) -> tuple[ApiKey, str]:
    async with app.opened(settings) as platform, platform.database.write() as connection:
        return await apikeys.create(connection, name=name, scopes=scopes, expires_at=expires, now=utc_now())


@apikey.command("list")
@settings_option
def list_(settings: Settings) -> None:
    """Every key: id, name, scopes, state."""
    now = utc_now()
    for key in asyncio.run(_list(settings)):
        click.echo("\t".join((key.id, key.name, ",".join(sorted(key.scopes)), _state(key, now))))


async def _list(settings: Settings) -> Sequence[ApiKey]:
    async with app.opened(settings) as platform, platform.database.read() as connection:
        return await apikeys.list_keys(connection)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {format_instant(key.revoked_at)}"
    if key.expires_at is None:
        return "active"
    return f"{'expired' if key.expires_at <= now else 'until'} {format_instant(key.expires_at)}"


@apikey.command()
@settings_option
@click.argument("key_id", type=NAME)
def revoke(settings: Settings, key_id: str) -> None:
    """Make a key open nothing from now on."""
    asyncio.run(_revoke(settings, key_id))
    click.echo(f"{key_id} is revoked")


async def _revoke(settings: Settings, key_id: str) -> None:
    async with app.opened(settings) as platform, platform.database.write() as connection:
        await apikeys.revoke(connection, key_id=key_id, now=utc_now())
