"""What happens, as it happens."""

from bridge.http.events import EVENT_STREAM, stream_events
from bridge.http.routing import ANY_SESSION, Route

EVENTS_ROUTES = (
    Route(
        method="GET",
        path="/api/events",
        operation="stream_events",
        handler=stream_events,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        answers={200: EVENT_STREAM},
    ),
)
