"""What the portal's homeserver says of its deliveries, by our module in it (synapse-config/module)."""

from collections.abc import Sequence

import aiohttp
from pydantic import BaseModel

from bridge.matrix.transport import Transport, parse_answer

MOST_EVENTS = 200
"""About so many events one question may be."""

_PATH = "/_synapse/client/videoconsulta/v1/delivered"


class Deliveries(BaseModel):
    """Places in the portal's stream of events: of the events asked about, and of the last that the server took."""

    events: dict[str, int]
    sent: int | None


class DeliveredClient:
    """Asks the module, with the secret that it shares with us."""

    def __init__(self, *, base_url: str, secret: str, http: aiohttp.ClientSession) -> None:
        self._transport = Transport(base_url=base_url, as_token=secret, http=http)

    async def deliveries(self, *, server: str, event_ids: Sequence[str]) -> Deliveries:
        """How far this server has taken what it was sent, and where these events stand.

        Raises MatrixError, HomeserverUnreachableError.
        """
        body = {"server": server, "event_ids": list(event_ids)}
        return parse_answer(Deliveries, await self._transport.request("POST", _PATH, body=body))
