"""People whose E2EE identity changed: nothing is sent to them until an operator has made sure that they did it.

Accepting is `videoconsulta identity accept`; this tells that there is something to accept.
"""

import logging

from prometheus_client import CollectorRegistry, Gauge

from bridge.e2ee.changed_identities import ChangedIdentities

log = logging.getLogger(__name__)


class IdentityWatch:
    """Shows how many identities wait, as the metric `videoconsulta_changed_identities`, and logs each once."""

    def __init__(self, *, identities: ChangedIdentities, registry: CollectorRegistry) -> None:
        self._identities = identities
        self._told: set[str] = set()
        self._gauge = Gauge(
            "videoconsulta_changed_identities",
            "People whose end-to-end encryption identity changed and waits to be accepted.",
            registry=registry,
        )

    async def look(self) -> None:
        """Look once."""
        changed = set(await self._identities.waiting())
        self._gauge.set(len(changed))
        for user_id in sorted(changed - self._told):
            log.warning(
                "the identity of %s changed: nothing is sent to them; see `videoconsulta identity list`",
                user_id,
            )
        self._told = changed
