"""`/_synapse/client/videoconsulta/v1/happened`: what happened in somebody's rooms.

An application service is pushed that; but what Synapse has yet to push when it dies, it never does. And Synapse gives
an application service's own bot no `/sync`.
"""

import time

from synapse.http.servlet import parse_integer, parse_string
from synapse.module_api import (
    DirectServeJsonResource,
    JsonDict,
    LoggingTransaction,
    ModuleApi,
    SynapseRequest,
)

from videoconsulta_synapse.queries import number
from videoconsulta_synapse.secret import Secret

PATH = "/_synapse/client/videoconsulta/v1/happened"

_MOST_EVENTS = 500
_LAST = "SELECT COALESCE(MAX(stream_ordering), 0) FROM events"
_FIRST_YOUNGER = "SELECT MIN(stream_ordering) FROM events WHERE stream_ordering > ? AND received_ts > ?"
_EVENTS = """
    SELECT events.event_id, events.room_id, events.stream_ordering FROM events
    JOIN local_current_membership AS member ON member.room_id = events.room_id
    WHERE member.user_id = ? AND member.membership = 'join'
    AND events.stream_ordering >= COALESCE(member.event_stream_ordering, 0)
    AND events.stream_ordering > ? AND events.stream_ordering <= ?
    AND NOT events.outlier AND events.rejection_reason IS NULL
    ORDER BY events.stream_ordering LIMIT ?
"""


class Happened(DirectServeJsonResource):
    """The events of the rooms that somebody is in, since they came in, by their places in the stream of events.

    `GET` with the query `user_id`, `after` (a place) and `age_ms`: `{events: [{event_id, room_id}], place}`, those
    behind `after` that are at least so old, in order, 500 at most; the next question is `after` that `place`. Without
    `after`: no events, and the place of now. Without the secret it is 401.
    """

    def __init__(self, *, api: ModuleApi, secret: Secret) -> None:
        super().__init__()
        self._api = api
        self._secret = secret

    async def _async_render_GET(self, request: SynapseRequest) -> tuple[int, JsonDict]:  # noqa: N802 Synapse's name
        self._secret.admit(request)
        user_id = parse_string(request, "user_id", required=True)
        after = parse_integer(request, "after")
        received_before = int(time.time() * 1000) - parse_integer(request, "age_ms", default=0)

        def look(transaction: LoggingTransaction) -> JsonDict:
            last = number(transaction, _LAST)
            if after is None:
                return {"events": [], "place": last}
            younger = number(transaction, _FIRST_YOUNGER, after, received_before)
            up_to = last if younger is None else younger - 1
            transaction.execute(_EVENTS, (user_id, after, up_to, _MOST_EVENTS))
            rows = transaction.fetchall()
            place = rows[-1][2] if len(rows) == _MOST_EVENTS else up_to
            return {"events": [{"event_id": row[0], "room_id": row[1]} for row in rows], "place": place}

        return 200, await self._api.run_db_interaction("videoconsulta_happened", look)
