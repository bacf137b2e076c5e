"""`videoconsulta care`: who cares for whom, and professionals who leave."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import click

from appointments.care import CareRelationship
from appointments.events import Departed
from appointments.services import list_care
from bridge import app
from bridge.cli.options import ROLE, USER_ID, period_columns, period_options, settings_option
from bridge.clock import utc_now
from bridge.people import care as relationships
from bridge.people import departures
from bridge.settings import Settings


@click.group()
def care() -> None:
    """Who cares for whom, from when, until when, and why."""


@care.command()
@settings_option
@click.argument("patient", type=USER_ID)
@click.argument("professional", type=USER_ID)
@click.option("--role", type=ROLE, required=True, help="What the professional is to the patient, such as gp.")
@period_options
def add(
    settings: Settings,
    patient: str,
    professional: str,
    *,
    role: str,
    starts: datetime | None,
    ends: datetime | None,
    reason: str | None,
) -> None:
    """Enter a care relationship, or replace what was known of it."""
    now = utc_now()
    relationship = CareRelationship(
        patient=patient, professional=professional, role=role, starts=starts or now, ends=ends
    )
    asyncio.run(_add(settings, relationship, reason=reason, now=now))
    click.echo(f"{professional} cares for {patient}")


async def _add(
    settings: Settings, relationship: CareRelationship, *, reason: str | None, now: datetime
) -> None:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            await relationships.start_care(
                connection,
                sealer=platform.sealer,
                servers=settings.homeserver.servers,
                bots=settings.bots,
                patient=relationship.patient,
                professional=relationship.professional,
                role=relationship.role,
                starts=relationship.starts,
                ends=relationship.ends,
                reason=reason,
                now=now,
            )
        await platform.conversations.reconcile_due(
            patient=relationship.patient, professional=relationship.professional
        )


@care.command()
@settings_option
@click.argument("patient", type=USER_ID)
@click.argument("professional", type=USER_ID)
def end(settings: Settings, patient: str, professional: str) -> None:
    """End a care relationship now. May be repeated."""
    ended = asyncio.run(_end(settings, patient=patient, professional=professional))
    click.echo("ended" if ended else "there was nothing to end")


async def _end(settings: Settings, *, patient: str, professional: str) -> bool:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            ended = await relationships.end_care(
                connection, patient=patient, professional=professional, now=utc_now()
            )
        await platform.conversations.reconcile_due(patient=patient, professional=professional)
    return ended is not None


@care.command()
@settings_option
@click.argument("professional", type=USER_ID)
def leave(settings: Settings, professional: str) -> None:
    """Take a professional who has left out of everything: care, representation, sessions, rooms.

    May be repeated. Care that is entered again afterwards holds.
    """
    departed = asyncio.run(_leave(settings, professional=professional))
    click.echo(
        f"{professional} has left: {len(departed.care)} care relationships and "
        f"{len(departed.representations)} representations ended"
    )


async def _leave(settings: Settings, *, professional: str) -> Departed:
    async with app.opened(settings) as platform:
        async with platform.database.write() as connection:
            departed = await departures.depart(connection, professional=professional, now=utc_now())
        # What fails here stays due; the scheduler of the running service goes on with it.
        await platform.conversations.reconcile_due()
    return departed


@care.command("list")
@settings_option
@click.option("--patient", type=USER_ID, help="Only this patient's.")
@click.option("--professional", type=USER_ID, help="Only this professional's.")
def list_(settings: Settings, patient: str | None, professional: str | None) -> None:
    """Every care relationship: patient, professional, role, from, until, state."""
    now = utc_now()
    for item in asyncio.run(_list(settings, patient=patient, professional=professional)):
        click.echo("\t".join((item.patient, item.professional, item.role, *period_columns(item, now=now))))


async def _list(
    settings: Settings, *, patient: str | None, professional: str | None
) -> Sequence[CareRelationship]:
    async with app.opened(settings) as platform, platform.database.read() as connection:
        return await list_care(connection, patient=patient, professional=professional)
