"""What `videoconsulta doctor` looks at. Each check gives what it found, or raises UnwellError with what to do."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import aiosmtplib

from appointments.sealing import SealBrokenError
from bridge import app, migrations
from bridge.clock import Now
from bridge.errors import DatabaseUnusableError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.notifications.settings import SmtpSettings
from bridge.notifications.smtp import Smtp
from bridge.oidc.settings import OidcSettings
from bridge.oidc.verifier import key_set
from bridge.openid.errors import OpenIdError
from bridge.openid.https import other_servers_session
from bridge.settings import Settings

_OLDEST_VERSION = "v1.9"
_MAX_SKEW_S = 5


class UnwellError(Exception):
    """Something is not as it has to be; the message says what, and what to do."""


def _unknown(error: MatrixError | HomeserverUnreachableError) -> UnwellError:
    if isinstance(error, MatrixError):
        return UnwellError(f"unknown while the homeserver refuses us ({error.errcode})")
    return UnwellError("unknown while the homeserver does not answer")


async def check_database(settings: Settings) -> str:
    """Reachable, with the newest schema, and written with our secret."""
    try:
        current = await migrations.is_current(settings.database)
    except DatabaseUnusableError as error:
        raise UnwellError(str(error)) from error
    if not current:
        raise UnwellError("does not have the newest schema: run `videoconsulta migrate`")
    try:
        async with app.opened(settings):
            pass
    except SealBrokenError as error:
        raise UnwellError(
            "was written with another secret: find `secret` as it was, nothing else opens it"
        ) from error
    return "answers, with the newest schema"


async def check_homeserver(matrix: MatrixClient) -> str:
    """Reachable, and new enough."""
    try:
        versions: list[str] = (await matrix.versions()).get("versions", [])
    except HomeserverUnreachableError as error:
        raise UnwellError("does not answer: is it running, is homeserver.url right?") from error
    except MatrixError as error:
        raise UnwellError(
            f"refuses ({error.errcode}): is as_token its registration's, is homeserver.url right?"
        ) from error
    if _OLDEST_VERSION not in versions:
        raise UnwellError(f"does not speak Matrix {_OLDEST_VERSION}: update the homeserver")
    return f"answers, speaks Matrix up to {versions[-1]}"


async def check_registration(matrix: MatrixClient, settings: Settings) -> str:
    """The homeserver knows our token and has us as the keeper."""
    try:
        user_id = (await matrix.whoami()).get("user_id")
    except MatrixError as error:
        raise UnwellError(
            f"as_token refused ({error.errcode}): give the homeserver what `videoconsulta registration` "
            "prints (app_service_config_files) and restart it"
        ) from error
    except HomeserverUnreachableError as error:
        raise _unknown(error) from error
    if user_id != settings.keeper_id:
        raise UnwellError(f"the token is {user_id}'s, not {settings.keeper_id}'s: register again")
    return f"we are {user_id}"


async def check_transactions(matrix: MatrixClient, settings: Settings, now: Now) -> str:
    """The homeserver reaches us with its token; needs a running `videoconsulta serve`."""
    try:
        took = await matrix.ping(
            appservice_id=settings.appservice.id, transaction_id=f"doctor-{now().timestamp():.0f}"
        )
    except MatrixError as error:
        raise UnwellError(
            f"the homeserver does not reach us at {settings.appservice.url} ({error.errcode}): is "
            "`videoconsulta serve` running there, and is hs_token the registration's?"
        ) from error
    except HomeserverUnreachableError as error:
        raise _unknown(error) from error
    return f"the homeserver reaches us in {took:.0f} ms"


async def check_largest_file(matrix: MatrixClient, settings: Settings) -> str:
    """The homeserver takes files as large as we do. Synapse breaks the connection at one that is too large."""
    ours = settings.attachments.max_bytes
    try:
        theirs = await matrix.largest_upload(user_id=settings.keeper_id)
    except (MatrixError, HomeserverUnreachableError) as error:
        raise _unknown(error) from error
    if theirs is not None and theirs < ours:
        raise UnwellError(
            f"we take files of {ours} bytes, the homeserver of {theirs}: raise its max_upload_size, or lower "
            "attachments.max_bytes"
        )
    return f"files of up to {ours} bytes go through"


async def check_federation(matrix: MatrixClient, settings: Settings, server: str) -> str:
    """The homeserver reaches this other server (a key query goes through federation)."""
    asked = f"@videoconsulta_doctor:{server}"
    try:
        answer = await matrix.keys_query(user_id=settings.keeper_id, users=[asked])
    except (MatrixError, HomeserverUnreachableError) as error:
        raise _unknown(error) from error
    if server in answer.get("failures", {}):
        raise UnwellError(
            f"our homeserver does not reach {server}: check DNS, its port, its certificate and "
            "federation_domain_whitelist"
        )
    return "our homeserver reaches it"


async def check_smtp(settings: SmtpSettings) -> str:
    """The mail server takes us; nothing is sent."""
    try:
        await Smtp(settings).check()
    except (aiosmtplib.SMTPException, OSError) as error:
        raise UnwellError(
            f"{settings.host}:{settings.port} does not take us ({type(error).__name__}): check smtp.security, "
            "its certificate, username and password, and that it sends on what from_address writes, to "
            "alert_address too"
        ) from error
    return f"{settings.host}:{settings.port} takes mail from us"


async def check_oidc(settings: OidcSettings, *, ca_file: Path | None) -> str:
    """The identity provider shows keys that we can use."""
    try:
        async with other_servers_session() as http:
            keys = await key_set(settings, ca_file=ca_file, http=http).fetch()
    except (OpenIdError, ValueError, OSError) as error:
        raise UnwellError(
            f"{settings.jwks_url} gives no keys ({type(error).__name__}: {error}): check oidc.jwks_url and its "
            "certificate, and that it signs with RS256 or ES256"
        ) from error
    return f"{settings.jwks_url} has keys for us: {len(keys)}"


async def check_clock(http: aiohttp.ClientSession, settings: Settings, now: Now) -> str:
    """Our clock and the homeserver's agree (its answers carry whole seconds)."""
    try:
        async with http.get(f"{settings.homeserver.url}/_matrix/client/versions") as response:
            date = response.headers.get("Date", "")
        theirs = parsedate_to_datetime(date).astimezone(UTC)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise UnwellError("unknown while the homeserver does not say its time") from error
    skew = abs((now() - theirs).total_seconds())
    if skew > _MAX_SKEW_S:
        raise UnwellError(f"{skew:.0f} s away from the homeserver's: set both by NTP")
    return "agrees with the homeserver's"
