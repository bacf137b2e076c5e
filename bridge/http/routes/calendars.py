"""Appointments in people's calendars: a feed to subscribe to."""

from bridge.http import calendars
from bridge.http.appointment_models import FeedAnswer, FeedPath
from bridge.http.problems import Problem
from bridge.http.routing import ANY_SESSION, Route

CALENDARS_ROUTES = (
    Route(
        method="POST",
        path="/api/calendar",
        operation="create_feed",
        handler=calendars.create_feed,
        scope="appointments",
        acts=True,
        sessions=ANY_SESSION,
        answers={201: FeedAnswer},
    ),
    Route(
        method="DELETE",
        path="/api/calendar",
        operation="revoke_feed",
        handler=calendars.revoke_feed,
        scope="appointments",
        acts=True,
        sessions=ANY_SESSION,
        answers={204: None},
    ),
    Route(
        method="GET",
        path="/api/calendar/{secret}.ics",
        operation="get_feed",
        handler=calendars.get_feed,
        path_model=FeedPath,
        answers={200: calendars.CALENDAR},
        problems=(Problem.NOT_FOUND,),
    ),
)
