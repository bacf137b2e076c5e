"""What our module in the portal's homeserver says (synapse-config/module), and Synapse itself to nobody."""

from collections.abc import Sequence

import aiohttp
from pydantic import BaseModel

from bridge.matrix.transport import Transport, parse_answer

MOST_EVENTS = 200
"""About so many events one question about deliveries may be."""

MOST_HAPPENED = 500
"""So many events one answer about what happened holds, and another follows."""

_PATH = "/_synapse/client/videoconsulta/v1"


class Deliveries(BaseModel):
    """Places in the portal's stream of events: of the events asked about, and of the last that the server took."""

    events: dict[str, int]
    sent: int | None


class EventPlace(BaseModel):
    """An event and its room."""

    event_id: str
    room_id: str


class Happened(BaseModel):
    """Events in their order, and the place in the portal's stream of events behind which more follow."""

    events: list[EventPlace]
    place: int


class ModuleClient:
    """Asks the module, with the secret that it shares with us. Raises MatrixError, HomeserverUnreachableError."""

    def __init__(self, *, base_url: str, secret: str, http: aiohttp.ClientSession) -> None:
        self._transport = Transport(base_url=base_url, as_token=secret, http=http)

    async def deliveries(self, *, server: str, event_ids: Sequence[str]) -> Deliveries:
        """How far this server has taken what it was sent, and where these events stand."""
        body = {"server": server, "event_ids": list(event_ids)}
        answer = await self._transport.request("POST", f"{_PATH}/delivered", body=body)
        return parse_answer(Deliveries, answer)

    async def happened(self, *, user_id: str, after: int | None, age_ms: int) -> Happened:
        """What the homeserver has had for so long in this user's rooms; without `after` nothing, only the place."""
        query = {"user_id": user_id, "age_ms": str(age_ms)}
        if after is not None:
            query["after"] = str(after)
        answer = await self._transport.request("GET", f"{_PATH}/happened", query=query)
        return parse_answer(Happened, answer)
