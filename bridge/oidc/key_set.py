"""The provider's keys: fetched when one is needed that we don't have, and every hour, since keys are withdrawn."""

import asyncio
import logging
from collections.abc import Callable

from yarl import URL

from bridge.errors import ProviderUnavailableError
from bridge.oidc.jwt import Keys, PublicKey, keys_of
from bridge.openid.errors import OpenIdError, ServerUnreachableError
from bridge.openid.https import Destination, Https

log = logging.getLogger(__name__)

_FRESH_S = 3600.0
_GOOD_S = 86_400.0
"""How long they are believed while the provider can't be asked."""

_PAUSE_S = 30.0
"""Between two questions for an unknown kid, whatever kids strangers make up; and between two in vain."""

_MOST_BYTES = 256 * 1024
_OK = 200
_HTTPS = 443


class KeySet:
    """The keys at this address; `clock` gives seconds."""

    def __init__(self, *, https: Https, url: str, clock: Callable[[], float]) -> None:
        self._https = https
        self._url = URL(url)
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._missed_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key; None when the provider has no such key. Raises ProviderUnavailableError."""
        # Who knows the key goes on while others ask for new ones; who doesn't waits for what they are told.
        if self._is_due(kid, algorithm) or (self._lock.locked() and (kid, algorithm) not in self._keys):
            async with self._lock:
                if self._is_due(kid, algorithm):
                    await self._refresh()
        key = self._keys.get((kid, algorithm))
        if (
            self._fetched_at is None
            or self._clock() - self._fetched_at >= _GOOD_S
            or (self._has_failed and key is None)
        ):
            raise ProviderUnavailableError
        return key

    @property
    def _has_failed(self) -> bool:
        return self._tried_at != self._fetched_at

    @property
    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < _FRESH_S

    def _is_due(self, kid: str, algorithm: str) -> bool:
        if self._is_fresh and (kid, algorithm) in self._keys:
            return False
        # A key may be new since they were fetched for their age, however short a time ago.
        is_missed = self._is_fresh and not self._has_failed
        before = self._missed_at if is_missed else self._tried_at
        return before is None or self._clock() - before >= _PAUSE_S

    async def _refresh(self) -> None:
        if self._is_fresh:
            self._missed_at = self._clock()
        self._tried_at = self._clock()
        try:
            self._keys = await self.fetch()
        except (OpenIdError, ValueError) as error:
            log.warning("the identity provider's keys: %s %s", type(error).__name__, error)
            return
        self._fetched_at = self._tried_at

    async def fetch(self) -> Keys:
        """The provider's keys as they are now. Raises OpenIdError, and ValueError when none is one for us."""
        host, port = self._url.raw_host or "", self._url.port or _HTTPS
        bracketed = f"[{host}]" if ":" in host else host
        destination = Destination(
            host=bracketed,
            port=port,
            host_header=bracketed if port == _HTTPS else f"{bracketed}:{port}",
            tls_name=host,
        )
        reply = await self._https.get(destination, self._url.path, query={}, most=_MOST_BYTES)
        if reply.status != _OK:
            raise ServerUnreachableError(str(reply.status))
        return keys_of(reply.body)
