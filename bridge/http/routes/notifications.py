"""How people want to be told."""

from bridge.http.notification_models import PreferencesAnswer, PutPreferences, UnsubscribePath
from bridge.http.notifications import (
    get_preferences,
    put_preferences,
    show_unsubscribe,
    unsubscribe_from_mail,
)
from bridge.http.routing import ANY_SESSION, Route

_HTML = "text/html"

NOTIFICATIONS_ROUTES = (
    Route(
        method="GET",
        path="/api/notifications/preferences",
        operation="get_preferences",
        handler=get_preferences,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        answers={200: PreferencesAnswer},
    ),
    Route(
        method="PUT",
        path="/api/notifications/preferences",
        operation="put_preferences",
        handler=put_preferences,
        scope="messages",
        acts=True,
        sessions=ANY_SESSION,
        body_model=PutPreferences,
        answers={200: PreferencesAnswer},
    ),
    Route(
        method="GET",
        path="/api/notifications/unsubscribe/{token}",
        operation="show_unsubscribe",
        handler=show_unsubscribe,
        path_model=UnsubscribePath,
        answers={200: _HTML, 404: _HTML},
    ),
    Route(
        method="POST",
        path="/api/notifications/unsubscribe/{token}",
        operation="unsubscribe_from_mail",
        handler=unsubscribe_from_mail,
        path_model=UnsubscribePath,
        answers={200: _HTML, 404: _HTML},
    ),
)
