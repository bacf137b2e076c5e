"""`videoconsulta representative`: who acts for a patient."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import click

from appointments.representation import SCOPES, Representation, Scope
from appointments.services import list_representations
from bridge import app
from bridge.cli.options import USER_ID, period_columns, period_options, settings_option
from bridge.clock import utc_now
from bridge.people import representation as representations
from bridge.settings import Settings


@click.group()
def representative() -> None:
    """Who acts for a patient, in which matters, from when, until when."""


@representative.command()
@settings_option
@click.argument("patient", type=USER_ID)
@click.argument("person", type=USER_ID)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("messages",),
    show_default=True,
    help="A matter in which they act; may be given several times.",
)
@period_options
def add(
    settings: Settings,
    patient: str,
    person: str,
    *,
    scopes: tuple[Scope, ...],
    starts: datetime | None,
    ends: datetime | None,
    reason: str | None,
) -> None:
    """Enter a representation, or replace what was known of it."""
    now = utc_now()
    entered = Representation(
        patient=patient, representative=person, scopes=frozenset(scopes), starts=starts or now, ends=ends
    )
    asyncio.run(_add(settings, entered, reason=reason, now=now))
    click.echo(f"{person} acts for {patient}")


async def _add(settings: Settings, entered: Representation, *, reason: str | None, now: datetime) -> None:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            await representations.start_representation(
                connection,
                sealer=platform.sealer,
                servers=settings.homeserver.servers,
                bots=settings.bots,
                patient=entered.patient,
                representative=entered.representative,
                scopes=entered.scopes,
                starts=entered.starts,
                ends=entered.ends,
                reason=reason,
                now=now,
            )
        await platform.conversations.reconcile_due(patient=entered.patient)


@representative.command()
@settings_option
@click.argument("patient", type=USER_ID)
@click.argument("person", type=USER_ID)
def end(settings: Settings, patient: str, person: str) -> None:
    """End a representation now. May be repeated."""
    ended = asyncio.run(_end(settings, patient=patient, person=person))
    click.echo("ended" if ended else "there was nothing to end")


async def _end(settings: Settings, *, patient: str, person: str) -> bool:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            ended = await representations.end_representation(
                connection, patient=patient, representative=person, now=utc_now()
            )
        await platform.conversations.reconcile_due(patient=patient)
    return ended is not None


@representative.command("list")
@settings_option
@click.option("--patient", type=USER_ID, help="Only this patient's.")
def list_(settings: Settings, patient: str | None) -> None:
    """Every representation: patient, representative, scopes, from, until, state."""
    now = utc_now()
    for item in asyncio.run(_list(settings, patient=patient)):
        scopes = ",".join(sorted(item.scopes))
        columns = (item.patient, item.representative, scopes, *period_columns(item, now=now))
        click.echo("\t".join(columns))


async def _list(settings: Settings, *, patient: str | None) -> Sequence[Representation]:
    async with app.opened(settings) as platform, platform.database.read() as connection:
        return await list_representations(connection, patient=patient)
