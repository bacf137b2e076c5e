"""Every operation that takes credentials: how it is called, and who is let in."""

from collections.abc import Mapping
from typing import Any

Expected = Mapping[str, str | None]
"""For each kind of credentials the problem that refuses them; None: admitted."""
_NOBODY = {"nobody": "unauthorized", "garbage": "unauthorized", "made-up session": "unauthorized"}
_KEY: Expected = {
    **_NOBODY,
    "key without scope": "missing-scope",
    "key for nobody": "act-as-required",
    "key for a person with a client": "not-managed",
    "key for somebody unknown": "not-managed",
    "key": None,
}
CONTENT: Expected = _KEY | {"browser": None, "browser for another": "not-managed", "own": "not-managed"}
MEETING: Expected = CONTENT | {"own": None, "own for another": "not-managed"}
_NO_SESSION = dict.fromkeys(("browser", "browser for another", "own", "own for another"), "missing-scope")
LOGIN: Expected = _KEY | {"key without scope": None} | _NO_SESSION
CARE: Expected = dict.fromkeys(_KEY) | _NOBODY | {"key without scope": "missing-scope"} | _NO_SESSION
LOGOUT: Expected = dict.fromkeys(_KEY, "unauthorized") | {"browser": None, "own": None}
SCHEDULES: Expected = (
    dict.fromkeys(_KEY)
    | _NOBODY
    | {
        "key without scope": "missing-scope",
        "browser": "missing-scope",
        "own": "not-found",
    }
)
SEEN: Expected = MEETING | {"key for nobody": None}


def _then(expected: Expected, problem: str) -> Expected:
    """Whoever is admitted meets this problem next, which has nothing to do with credentials."""
    return {who: refused or problem for who, refused in expected.items()}


_HERS, _UNKNOWN = "/api/professionals/{doctor}", f"/api/appointments/{'0' * 32}"
_LONG_AGO = {"professional": "{doctor}", "start": "2020-01-01T00:00:00Z"}
_NONE: Expected = _then(MEETING, "not-found")
_PUSH = {
    "endpoint": "https://push.example/send/walk",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
WALK: Mapping[str, tuple[str, str, Any, Expected]] = {
    "create_session": ("POST", "/api/session", {"ttl_s": 60}, LOGIN),
    "end_session": ("DELETE", "/api/session", None, LOGOUT),
    "send_message": ("POST", "/api/messages/send", {"recipient": "{doctor}", "body": "hola"}, CONTENT),
    "upload_attachment": (
        "POST",
        "/api/messages/upload-attachment",
        {"conversation_id": "{room}", "file": "hola"},
        CONTENT,
    ),
    "download_attachment": ("GET", "/api/messages/attachment/{file}", None, CONTENT),
    "read_conversation": ("GET", "/api/messages/conversation/{room}", None, CONTENT),
    "mark_read": ("POST", "/api/messages/{message}/read", None, CONTENT),
    "stream_events": ("GET", "/api/events", None, MEETING),
    "get_preferences": ("GET", "/api/notifications/preferences", None, MEETING),
    "put_preferences": ("PUT", "/api/notifications/preferences", {"language": "es"}, MEETING),
    "get_push_key": ("GET", "/api/notifications/push-key", None, MEETING),
    "subscribe_to_pushes": ("POST", "/api/notifications/push-subscriptions", _PUSH, MEETING),
    "unsubscribe_from_pushes": ("DELETE", "/api/notifications/push-subscriptions/nobodys", None, MEETING),
    "list_conversations": ("GET", "/api/conversations", None, MEETING),
    "open_conversation": ("POST", "/api/conversations", {"with": "{doctor}"}, MEETING),
    "put_care": ("PUT", "/api/care/{patient}/{doctor}", {"role": "gp"}, CARE),
    "end_care": ("DELETE", "/api/care/{patient}/@nadie:localhost", None, CARE),
    "get_care": ("GET", "/api/care?patient={patient}", None, CARE),
    "put_representation": (
        "PUT",
        "/api/representatives/{patient}/{other}",
        {"scopes": ["video"]},
        CARE,
    ),
    "put_schedule": ("PUT", f"{_HERS}/schedule", {"zone": "Europe/Madrid", "weekly": {}}, SCHEDULES),
    "get_schedule": ("GET", f"{_HERS}/schedule", None, SCHEDULES),
    "get_slots": ("GET", f"{_HERS}/slots", None, SEEN),
    "get_any_slots": ("GET", "/api/slots", None, MEETING),
    "list_appointments": ("GET", "/api/appointments?patient={patient}", None, SEEN),
    "book_appointment": ("POST", "/api/appointments", _LONG_AGO, _then(MEETING, "slot-not-offered")),
    "book_series": (
        "POST",
        "/api/appointment-series",
        _LONG_AGO | {"count": 2},
        _then(MEETING, "slot-taken"),
    ),
    "get_appointment": ("GET", _UNKNOWN, None, _NONE),
    "get_ics": ("GET", f"{_UNKNOWN}.ics", None, _NONE),
    "get_reasons": ("GET", f"{_UNKNOWN}/reasons", None, _then(CONTENT, "not-found")),
    "move_appointment": ("PATCH", _UNKNOWN, {"start": "2020-01-01T00:00:00Z"}, _NONE),
    "cancel_appointment": ("POST", f"{_UNKNOWN}/cancel", None, _NONE),
    "arrive_appointment": ("POST", f"{_UNKNOWN}/arrive", None, _then(SCHEDULES, "not-found")),
    "fulfil_appointment": ("POST", f"{_UNKNOWN}/fulfil", None, _then(SCHEDULES, "not-found")),
    "noshow_appointment": ("POST", f"{_UNKNOWN}/noshow", None, _then(SCHEDULES, "not-found")),
    "wait_for_earlier": ("POST", f"{_UNKNOWN}/waiting", None, _NONE),
    "get_waiting": ("GET", f"{_UNKNOWN}/waiting", None, _NONE),
    "wait_no_longer": ("DELETE", f"{_UNKNOWN}/waiting", None, _NONE),
    "accept_offer": ("POST", f"{_UNKNOWN}/waiting/accept", None, _NONE),
    "decline_offer": ("POST", f"{_UNKNOWN}/waiting/decline", None, _NONE),
    "create_feed": ("POST", "/api/calendar", None, MEETING),
    "revoke_feed": ("DELETE", "/api/calendar", None, MEETING),
    "end_representation": ("DELETE", "/api/representatives/{patient}/{other}", None, CARE),
}
"""Every operation that takes credentials: how it is called, and who is let in."""
