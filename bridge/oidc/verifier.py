"""Whose an access token of the portal's identity provider is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from bridge.clock import Now
from bridge.errors import BadCredentialsError
from bridge.matrix.identifiers import USER_ID, is_well_formed
from bridge.oidc.jwt import BadTokenError, claims_of, take_apart
from bridge.oidc.key_set import KeySet
from bridge.oidc.settings import OidcSettings
from bridge.openid.dns import SystemDns
from bridge.openid.https import PinnedHttps, tls_context
from bridge.settings import Settings

_FAR = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Named:
    """A person on the portal's homeserver, as the provider names her, what she may do, and until when."""

    user_id: str
    scopes: frozenset[str]
    expires_at: datetime


class Oidc(Protocol):
    """Reads access tokens."""

    async def named(self, token: str) -> Named:
        """Who it is. Raises BadCredentialsError (`access-token`, `expired`), ProviderUnavailableError."""


class OidcVerifier:
    """The Oidc of one provider. `bots` are nobody's to speak as."""

    def __init__(
        self, settings: OidcSettings, *, keys: KeySet, server_name: str, bots: frozenset[str], now: Now
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._server_name = server_name
        self._bots = bots
        self._now = now

    async def named(self, token: str) -> Named:
        """As in Oidc."""
        try:
            claims = await self._claims(token)
            user_id = self._user_id(claims.get(self._settings.claim))
        except BadTokenError as error:
            raise BadCredentialsError("expired" if error.is_expired else "access-token") from error
        ends = datetime.fromtimestamp(min(claims["exp"], _FAR), tz=UTC)
        return Named(user_id, frozenset(self._settings.scopes), ends)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        parts, settings = take_apart(token), self._settings
        key = await self._keys.find(parts.kid, parts.algorithm)
        if key is None:
            raise BadTokenError
        return claims_of(parts, key, issuer=settings.issuer, audience=settings.audience, now=self._now())

    def _user_id(self, claimed: Any) -> str:
        if not isinstance(claimed, str):
            raise BadTokenError
        user_id = claimed if claimed.startswith("@") else f"@{claimed}:{self._server_name}"
        is_ours = user_id.partition(":")[2] == self._server_name and user_id not in self._bots
        if not is_ours or not is_well_formed(user_id, USER_ID):
            raise BadTokenError
        return user_id


def key_set(settings: OidcSettings, *, ca_file: Path | None, http: aiohttp.ClientSession) -> KeySet:
    """The provider's keys, over verified TLS. The operator chose its address, so it may be private."""
    https = PinnedHttps(http=http, dns=SystemDns(), tls=tls_context(ca_file), allow_private=True)
    return KeySet(https=https, url=settings.jwks_url, clock=time.monotonic)


def oidc_verifier(settings: Settings, *, http: aiohttp.ClientSession, now: Now) -> OidcVerifier | None:
    """What the settings say; None without a provider."""
    if settings.oidc is None:
        return None
    return OidcVerifier(
        settings.oidc,
        keys=key_set(settings.oidc, ca_file=settings.federation.ca_file, http=http),
        server_name=settings.homeserver.server_name,
        bots=frozenset({settings.keeper_id, settings.assistant_id}),
        now=now,
    )
