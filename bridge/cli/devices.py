"""`videoconsulta device`: the encryption devices that the bridge holds for managed users and the assistant."""

import asyncio

import click

from bridge import app
from bridge.cli.options import USER_ID, settings_option
from bridge.e2ee.errors import KeysRefusedError
from bridge.enrolment import give_device
from bridge.matrix.errors import MatrixError
from bridge.settings import Settings


@click.group()
def device() -> None:
    """The encryption devices that the bridge holds."""


@device.command("list")
@settings_option
def list_(settings: Settings) -> None:
    """Whoever has one, a user id a line."""
    for user_id in asyncio.run(_holders(settings)):
        click.echo(user_id)


async def _holders(settings: Settings) -> list[str]:
    async with app.opened(settings) as platform:
        return await platform.encryption.renewing.holders()


@device.command()
@settings_option
@click.argument("user_id", type=USER_ID, required=False)
def renew(settings: Settings, user_id: str | None) -> None:
    """Replace the device of everybody, or of one person, after an older copy of the database was restored.

    Refused while the bridge runs. Identities stay, and so does what could be read. May be repeated.
    """
    asyncio.run(_renew(settings, user_id))


async def _require_stopped(platform: app.Platform) -> None:
    # A running bridge has devices and their ratchets in memory, and would go on with what is to be given up.
    try:
        await platform.matrix.ping(
            appservice_id=platform.settings.appservice.id,
            transaction_id=f"renew-{platform.now().timestamp():.0f}",
        )
    except MatrixError:  # the homeserver doesn't reach us
        return
    raise click.ClickException("the bridge is running: stop it, renew, then start it again")


async def _renew(settings: Settings, wanted: str | None) -> None:
    async with app.opened(settings) as platform:
        holders = await platform.encryption.renewing.holders()
        if wanted is not None and wanted not in holders:
            raise click.ClickException(f"the bridge holds no device for {wanted}")
        chosen = holders if wanted is None else [wanted]
        if chosen:
            await _require_stopped(platform)
        await platform.encryption.renewing.ask_anew()
        refused = []
        for number, user_id in enumerate(chosen, start=1):
            try:
                await platform.encryption.renewing.renew(user_id)
                await give_device(platform, user_id)
            except (MatrixError, KeysRefusedError) as error:
                refused.append(user_id)
                click.echo(f"{number} of {len(chosen)}: {user_id}: {error}", err=True)
            else:
                click.echo(f"{number} of {len(chosen)}: {user_id} has another device")
    if refused:
        raise click.ClickException(f"not renewed, to be tried again: {', '.join(refused)}")
