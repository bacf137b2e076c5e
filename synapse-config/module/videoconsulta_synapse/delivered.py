"""`GET /_synapse/client/videoconsulta/v1/delivered`: up to where another server has been sent events.

Without this, only server admins could know; and the bots are none.
"""

import hmac

from synapse.http.servlet import parse_string
from synapse.module_api import (
    DirectServeJsonResource,
    JsonDict,
    LoggingTransaction,
    ModuleApi,
    SynapseRequest,
)
from synapse.module_api.errors import Codes, SynapseError

PATH = "/_synapse/client/videoconsulta/v1/delivered"

_EVENT = "SELECT stream_ordering FROM events WHERE event_id = ? AND NOT outlier"
_SENT = "SELECT last_successful_stream_ordering FROM destinations WHERE destination = ?"


class Delivered(DirectServeJsonResource):
    """Query: `server`, a server name, and `event_id`. Answer: `{event, sent}`, places in the stream of events.

    The server has been sent the event once `sent` ≥ `event`; `sent` is null while it was never sent anything.
    An event that isn't known here is 404; without the secret all is 401.
    """

    def __init__(self, *, api: ModuleApi, secret: str) -> None:
        super().__init__()
        self._api = api
        self._authorization = f"Bearer {secret}".encode()

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, JsonDict]:  # noqa: N802 Synapse's name
        if not hmac.compare_digest(request.getHeader(b"Authorization") or b"", self._authorization):
            raise SynapseError(401, "This is for the bridge alone", Codes.UNAUTHORIZED)
        server = parse_string(request, "server", required=True)
        event_id = parse_string(request, "event_id", required=True)

        def look(transaction: LoggingTransaction) -> tuple[int | None, int | None]:
            return _first(transaction, _EVENT, event_id), _first(transaction, _SENT, server)

        event, sent = await self._api.run_db_interaction("videoconsulta_delivered", look)
        if event is None:
            raise SynapseError(404, "There is no such event here", Codes.NOT_FOUND)
        return 200, {"event": event, "sent": sent}


def _first(transaction: LoggingTransaction, statement: str, value: str) -> int | None:
    transaction.execute(statement, (value,))
    row = transaction.fetchone()
    return None if row is None else row[0]
