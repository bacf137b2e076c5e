"""Web Push: what a browser subscribes with, and its subscriptions."""

from bridge.http.push import get_push_key, subscribe, unsubscribe
from bridge.http.push_models import PushKeyAnswer, Subscribe, SubscriptionAnswer, SubscriptionPath
from bridge.http.routing import ANY_SESSION, Route

PUSH_ROUTES = (
    Route(
        method="GET",
        path="/api/notifications/push-key",
        operation="get_push_key",
        handler=get_push_key,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        answers={200: PushKeyAnswer},
    ),
    Route(
        method="POST",
        path="/api/notifications/push-subscriptions",
        operation="subscribe_to_pushes",
        handler=subscribe,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        body_model=Subscribe,
        answers={201: SubscriptionAnswer},
    ),
    Route(
        method="DELETE",
        path="/api/notifications/push-subscriptions/{subscription_id}",
        operation="unsubscribe_from_pushes",
        handler=unsubscribe,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        path_model=SubscriptionPath,
        answers={204: None},
    ),
)
