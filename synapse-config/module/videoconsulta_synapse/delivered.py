"""`/_synapse/client/videoconsulta/v1/delivered`: up to where another server has been sent events.

Without this, only server admins could know; and the bots are none.
"""

from synapse.http.servlet import parse_json_object_from_request
from synapse.module_api import (
    DirectServeJsonResource,
    JsonDict,
    LoggingTransaction,
    ModuleApi,
    SynapseRequest,
)
from synapse.module_api.errors import Codes, SynapseError

from videoconsulta_synapse.queries import number
from videoconsulta_synapse.secret import Secret

PATH = "/_synapse/client/videoconsulta/v1/delivered"

_MOST_EVENTS = 200
_EVENT = "SELECT stream_ordering FROM events WHERE event_id = ? AND NOT outlier"
_SENT = "SELECT last_successful_stream_ordering FROM destinations WHERE destination = ?"


class Delivered(DirectServeJsonResource):
    """Places in the stream of events: of what was sent here, and of the last that another server took.

    `POST {server, event_ids}`, 200 of them at most: `{events: {event_id: place}, sent}`; unknown ones are left out.
    The server has been sent an event once `sent` is its place or a later one; `sent` is null while it was never sent
    anything. Without the secret all is 401.
    """

    def __init__(self, *, api: ModuleApi, secret: Secret) -> None:
        super().__init__()
        self._api = api
        self._secret = secret

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, JsonDict]:  # noqa: N802 Synapse's name
        self._secret.admit(request)
        body = parse_json_object_from_request(request)
        server, event_ids = body.get("server"), body.get("event_ids")
        if not isinstance(server, str) or not isinstance(event_ids, list) or len(event_ids) > _MOST_EVENTS:
            raise SynapseError(400, f"Expected server and at most {_MOST_EVENTS} event_ids", Codes.BAD_JSON)
        places, sent = await self._look(server, [one for one in event_ids if isinstance(one, str)])
        return 200, {"events": places, "sent": sent}

    async def _look(self, server: str, event_ids: list[str]) -> tuple[dict[str, int], int | None]:
        def look(transaction: LoggingTransaction) -> tuple[dict[str, int], int | None]:
            found = {event_id: number(transaction, _EVENT, event_id) for event_id in event_ids}
            places = {event_id: place for event_id, place in found.items() if place is not None}
            return places, number(transaction, _SENT, server)

        return await self._api.run_db_interaction("videoconsulta_delivered", look)
