"""The route table, one module a topic: how each operation is called, who may call it, what it answers."""

from bridge.http.routes.appointments import APPOINTMENTS_ROUTES
from bridge.http.routes.attachments import ATTACHMENTS_ROUTES
from bridge.http.routes.calendars import CALENDARS_ROUTES
from bridge.http.routes.care import CARE_ROUTES
from bridge.http.routes.events import EVENTS_ROUTES
from bridge.http.routes.health import HEALTH_ROUTES
from bridge.http.routes.messages import MESSAGES_ROUTES
from bridge.http.routes.notifications import NOTIFICATIONS_ROUTES
from bridge.http.routes.push import PUSH_ROUTES
from bridge.http.routes.schedules import SCHEDULES_ROUTES
from bridge.http.routes.sessions import SESSIONS_ROUTES
from bridge.http.routes.waiting import WAITING_ROUTES

API_ROUTES = (
    *SESSIONS_ROUTES,
    *MESSAGES_ROUTES,
    *EVENTS_ROUTES,
    *NOTIFICATIONS_ROUTES,
    *PUSH_ROUTES,
    *ATTACHMENTS_ROUTES,
    *CARE_ROUTES,
    *SCHEDULES_ROUTES,
    *APPOINTMENTS_ROUTES,
    *WAITING_ROUTES,
    *CALENDARS_ROUTES,
    *HEALTH_ROUTES,
)
