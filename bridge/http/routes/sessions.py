"""Logging in and out."""

from bridge.http.problems import Problem
from bridge.http.routing import ANY_SESSION, Route
from bridge.http.session_models import CreateSession, SessionAnswer
from bridge.http.sessions import create_session, end_session, refuse_session

SESSIONS_ROUTES = (
    Route(
        method="POST",
        path="/api/session",
        operation="create_session",
        handler=create_session,
        logs_in=True,
        acts=True,
        body_model=CreateSession,
        refuse=refuse_session,
        answers={201: SessionAnswer},
        problems=(Problem.SERVER_NOT_ALLOWED,),
    ),
    Route(
        method="DELETE",
        path="/api/session",
        operation="end_session",
        handler=end_session,
        sessions=ANY_SESSION,
        answers={204: None},
    ),
)
