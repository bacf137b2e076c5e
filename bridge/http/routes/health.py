"""Whether the service lives, and its numbers."""

from bridge.http.health import live, metrics, ready
from bridge.http.health_models import LiveAnswer, ReadyAnswer
from bridge.http.routing import Route

HEALTH_ROUTES = (
    Route(
        method="GET",
        path="/health/live",
        operation="live",
        handler=live,
        answers={200: LiveAnswer},
    ),
    Route(
        method="GET",
        path="/health/ready",
        operation="ready",
        handler=ready,
        answers={200: ReadyAnswer, 503: ReadyAnswer},
    ),
    Route(
        method="GET",
        path="/metrics",
        operation="metrics",
        handler=metrics,
        answers={200: "text/plain"},
    ),
)
