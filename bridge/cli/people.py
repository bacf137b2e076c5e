"""`videoconsulta user`: the people known to us, and the accounts that the bridge holds."""

import asyncio
import re
from dataclasses import dataclass

import click

from bridge import app
from bridge.cli.options import NAME, TIMEZONE, USER_ID, settings_option
from bridge.enrolment import enrol
from bridge.people import people
from bridge.settings import Settings

# What a homeserver lets be registered (Matrix specification, appendices, user identifiers).
_NAME = re.compile(r"[a-z0-9._=/+-]+")


@dataclass(frozen=True, slots=True)
class _Newcomer:
    user_id: str
    managed: bool
    display_name: str | None
    language: str
    timezone: str


@click.group()
def user() -> None:
    """The people known to us."""


@user.command()
@settings_option
@click.argument("name")
@click.option(
    "--display-name", type=NAME, help="How the person is called; sealed in our database, not sent to Matrix."
)
@click.option("--language", type=click.Choice(["es", "en"]), default="es", show_default=True)
@click.option("--timezone", type=TIMEZONE, default="Europe/Madrid", show_default=True)
@click.option(
    "--managed/--no-managed", default=True, show_default=True, help="Whether the bridge holds them."
)
def add(
    settings: Settings, name: str, *, display_name: str | None, language: str, timezone: str, managed: bool
) -> None:
    """Enter a person; for a managed one, make the account and its one device. May be repeated.

    NAME is what follows the prefix of managed users (`lucia` for @portal_lucia:…), or a whole user id.
    """
    newcomer = _Newcomer(
        user_id=_user_id(settings, name, managed=managed),
        managed=managed,
        display_name=display_name,
        language=language,
        timezone=timezone,
    )
    asyncio.run(_add(settings, newcomer))
    click.echo(newcomer.user_id)


def _user_id(settings: Settings, name: str, *, managed: bool) -> str:
    user_id: str = USER_ID.convert(
        name if name.startswith("@") else settings.managed_user_id(name.lower()), None, None
    )
    prefix, _, suffix = settings.managed_user_id("|").partition("|")
    holds = user_id.startswith(prefix) and user_id.endswith(suffix)
    if managed and not (holds and _NAME.fullmatch(user_id[len(prefix) : -len(suffix)])):
        raise click.ClickException(
            f"a managed user is {settings.managed_user_id('NAME')}, NAME made of a-z 0-9 . _ = / + -; "
            "for somebody else say --no-managed"
        )
    return user_id


async def _add(settings: Settings, newcomer: _Newcomer) -> None:
    async with app.opened(settings) as platform:
        if newcomer.managed:
            await enrol(
                platform,
                user_id=newcomer.user_id,
                display_name=newcomer.display_name,
                language=newcomer.language,
                timezone=newcomer.timezone,
            )
            return
        async with platform.database.write() as connection:
            await people.add(
                connection,
                sealer=platform.sealer,
                user_id=newcomer.user_id,
                managed=False,
                display_name=newcomer.display_name,
                language=newcomer.language,
                timezone=newcomer.timezone,
                now=platform.now(),
            )


@user.command("list")
@settings_option
def list_(settings: Settings) -> None:
    """Everyone known to us: user id, managed or not, language, time zone, state."""
    for person in asyncio.run(_list(settings)):
        kind = "managed" if person.managed else "own client"
        state = "active" if person.deactivated_at is None else "deactivated"
        click.echo(f"{person.user_id}\t{kind}\t{person.language}\t{person.timezone}\t{state}")


async def _list(settings: Settings) -> list[people.Person]:
    async with app.opened(settings) as platform, platform.database.read() as connection:
        return list(await people.list_people(connection, sealer=platform.sealer))


@user.command()
@settings_option
@click.argument("user_id", type=USER_ID)
def invite(settings: Settings, user_id: str) -> None:
    """Invite somebody to the chat with the assistant once more, after she left or declined it."""
    if not asyncio.run(_invite(settings, user_id)):
        raise click.ClickException(f"{user_id} has no chat with the assistant yet; care brings one by itself")
    click.echo(f"{user_id} will be invited again")


async def _invite(settings: Settings, user_id: str) -> bool:
    async with app.opened(settings) as platform:
        return await platform.direct_chats.invite_again(user_id)


@user.command()
@settings_option
@click.argument("user_id", type=USER_ID)
def deactivate(settings: Settings, user_id: str) -> None:
    """Nobody acts for this person any more; a managed one's device and keys are destroyed.

    Who is added again later comes back with the same identity, without what could be read before.
    """
    asyncio.run(_deactivate(settings, user_id))
    click.echo(f"{user_id} is deactivated")


async def _deactivate(settings: Settings, user_id: str) -> None:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            await people.deactivate(connection, user_id=user_id, now=platform.now())
        await platform.encryption.forget_device(user_id)
