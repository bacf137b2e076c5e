"""What each refusal of the domain and of the services is in HTTP."""

import math

from aiohttp import web
from sqlalchemy.exc import InterfaceError, OperationalError

from appointments.errors import EmptyCarePeriodError, NotInCareTeamError, SamePersonError
from bridge.errors import (
    BadCredentialsError,
    BadCursorError,
    ConversationNotFoundError,
    HomeserverUnavailableError,
    KeyReusedError,
    MessageNotFoundError,
    MessageRefusedError,
    ServerNotAllowedError,
    StillRunningError,
)
from bridge.http.problems import FieldError, Problem, ProblemError

_DATABASE_RETRY_S = 5
_RUNNING_RETRY_S = 1
_PLAIN = {
    ConversationNotFoundError: Problem.NOT_FOUND,
    NotInCareTeamError: Problem.NOT_IN_CARE_TEAM,
    KeyReusedError: Problem.IDEMPOTENCY_KEY_REUSED,
    MessageRefusedError: Problem.MESSAGE_REFUSED,
}
_OF_FIELDS = {
    MessageNotFoundError: FieldError("pointer", "#/reply_to", "reply-to-unknown"),
    BadCursorError: FieldError("parameter", "before", "cursor"),
    SamePersonError: FieldError("parameter", "professional", "same-person"),
    EmptyCarePeriodError: FieldError("pointer", "#/until", "empty-period"),
}
_OF_STATUS = {404: Problem.NOT_FOUND, 405: Problem.METHOD_NOT_ALLOWED, 413: Problem.BODY_TOO_LARGE}


def as_problem(error: Exception) -> ProblemError:
    """The problem that this exception is to the caller; `internal` for one that nobody foresaw."""
    if isinstance(error, ProblemError):
        return error
    if type(error) in _PLAIN:
        return ProblemError(_PLAIN[type(error)])
    if type(error) in _OF_FIELDS:
        return ProblemError(Problem.VALIDATION, errors=[_OF_FIELDS[type(error)]])
    if isinstance(error, web.HTTPException):
        return _of_aiohttp(error)
    return _of_the_rest(error)


def _of_the_rest(error: Exception) -> ProblemError:
    match error:
        case BadCredentialsError(reason=reason):
            return ProblemError(
                Problem.UNAUTHORIZED,
                detail_key=f"problem.unauthorized.{reason}",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        case ServerNotAllowedError(who=who, server=server):
            refused = FieldError("parameter", who, "server-not-allowed", {"server": server})
            return ProblemError(Problem.VALIDATION, errors=[refused])
        case StillRunningError():
            return _with_retry(Problem.STILL_RUNNING, _RUNNING_RETRY_S)
        case HomeserverUnavailableError(retry_after_s=seconds):
            return _with_retry(Problem.UNAVAILABLE, seconds)
        case OperationalError() | InterfaceError() | OSError():
            return _with_retry(Problem.UNAVAILABLE, _DATABASE_RETRY_S)
        case _:
            return ProblemError(Problem.INTERNAL)


def _of_aiohttp(error: web.HTTPException) -> ProblemError:
    fallback = (
        Problem.BAD_REQUEST if error.status < web.HTTPInternalServerError.status_code else Problem.INTERNAL
    )
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return ProblemError(_OF_STATUS.get(error.status, fallback), headers=headers)


def _with_retry(problem: Problem, seconds: float) -> ProblemError:
    return ProblemError(problem, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
