"""`videoconsulta doctor`: what works, what does not, and what to do about it."""

import asyncio
import sys
from collections.abc import Awaitable

import aiohttp
import click

from bridge.cli.checks import (
    UnwellError,
    check_clock,
    check_database,
    check_federation,
    check_homeserver,
    check_largest_file,
    check_oidc,
    check_registration,
    check_smtp,
    check_transactions,
)
from bridge.cli.options import settings_option
from bridge.clock import utc_now
from bridge.matrix.client import MatrixClient
from bridge.settings import Settings

_PATIENCE_S = 30


@click.command()
@settings_option
def doctor(settings: Settings) -> None:
    """Check database, homeserver, registration, federation, clock and the like; exit 1 when something is wrong."""
    if not asyncio.run(_examine(settings)):
        sys.exit(1)


async def _examine(settings: Settings) -> bool:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as http:
        token = settings.appservice.as_token.get_secret_value()
        matrix = MatrixClient(base_url=settings.homeserver.url, as_token=token, http=http)
        checks: list[tuple[str, Awaitable[str]]] = [
            ("database", check_database(settings)),
            ("homeserver", check_homeserver(matrix)),
            ("registration", check_registration(matrix, settings)),
            ("transactions", check_transactions(matrix, settings, utc_now)),
            ("largest file", check_largest_file(matrix, settings)),
            ("clock", check_clock(http, settings, utc_now)),
        ]
        checks += [
            (f"federation with {server}", check_federation(matrix, settings, server))
            for server in settings.homeserver.allowed_servers
        ]
        if settings.smtp is not None:
            checks.append(("SMTP", check_smtp(settings.smtp)))
        if settings.oidc is not None:
            ca_file = settings.federation.ca_file
            checks.append(("identity provider", check_oidc(settings.oidc, ca_file=ca_file)))
        # One after the other: the lines stand in the order in which things depend on each other.
        return all([await _report(name, check) for name, check in checks])


async def _report(name: str, check: Awaitable[str]) -> bool:
    try:
        click.echo(f"✓ {name}: {await check}")
    except UnwellError as error:
        click.echo(f"✗ {name}: {error}")
        return False
    return True
