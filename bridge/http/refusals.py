"""What each refusal of the domain and of the services is in HTTP."""

import math

from aiohttp import web

from appointments.errors import (
    AmbiguousPatientError,
    BadScheduleError,
    EmptyCarePeriodError,
    NoAppointmentError,
    NoOfferError,
    NotInCareTeamError,
    NotOfferedError,
    NotTheProfessionalError,
    SamePersonError,
    SelfRepresentationError,
    SlotTakenError,
    TooEarlyError,
    TooLateError,
    UnknownVisitTypeError,
    VersionChangedError,
    WrongStateError,
)
from bridge.attachments.errors import (
    AttachmentBrokenError,
    AttachmentNotFoundError,
    AttachmentUnusableError,
    EmptyFileError,
    InfectedError,
    ScannerUnavailableError,
    TooLargeError,
    TooLargeToScanError,
    TypeMismatchError,
    TypeNotAllowedError,
)
from bridge.errors import (
    BadCredentialsError,
    BadCursorError,
    ConversationNotFoundError,
    HomeserverUnavailableError,
    IdentityChangedError,
    KeyReusedError,
    MessageNotFoundError,
    MessageRefusedError,
    NotAPersonError,
    ProviderUnavailableError,
    ServerNotAllowedError,
    StillRunningError,
    TooManyAttemptsError,
)
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.retries import is_temporary

_DATABASE_RETRY_S = 5
_RUNNING_RETRY_S = 1
_OTHER_SERVER_RETRY_S = 10
_SCANNER_RETRY_S = 30
_KILOBYTE, _MEGABYTE = 1 << 10, 1 << 20
_PLAIN = {
    AttachmentNotFoundError: Problem.NOT_FOUND,
    AttachmentBrokenError: Problem.ATTACHMENT_BROKEN,
    InfectedError: Problem.ATTACHMENT_INFECTED,
    TypeNotAllowedError: Problem.ATTACHMENT_TYPE,
    ConversationNotFoundError: Problem.NOT_FOUND,
    NotInCareTeamError: Problem.NOT_IN_CARE_TEAM,
    MessageRefusedError: Problem.MESSAGE_REFUSED,
    IdentityChangedError: Problem.IDENTITY_CHANGED,
    KeyReusedError: Problem.IDEMPOTENCY_KEY_REUSED,
    ServerRefusedError: Problem.SERVER_NOT_ALLOWED,
    NoAppointmentError: Problem.NOT_FOUND,
    SlotTakenError: Problem.SLOT_TAKEN,
    TooEarlyError: Problem.TOO_EARLY,
    TooLateError: Problem.TOO_LATE,
    NotTheProfessionalError: Problem.NOT_THE_PROFESSIONAL,
    WrongStateError: Problem.APPOINTMENT_STATE,
    VersionChangedError: Problem.VERSION_CHANGED,
    NoOfferError: Problem.NO_OFFER,
}
_WITH_DETAIL: dict[type[Exception], tuple[Problem, str]] = {
    TooLargeToScanError: (Problem.ATTACHMENT_TOO_LARGE, "problem.attachment-too-large.scanner"),
}
_OF_FIELDS = {
    EmptyFileError: FieldError("pointer", "#/file", "file-empty"),
    TypeMismatchError: FieldError("pointer", "#/file", "file-mismatch"),
    MessageNotFoundError: FieldError("pointer", "#/reply_to", "reply-to-unknown"),
    BadCursorError: FieldError("parameter", "before", "cursor"),
    SamePersonError: FieldError("parameter", "professional", "same-person"),
    SelfRepresentationError: FieldError("parameter", "representative", "self-representation"),
    AmbiguousPatientError: FieldError("pointer", "#/on_behalf_of", "ambiguous-patient"),
    EmptyCarePeriodError: FieldError("pointer", "#/until", "empty-period"),
}
_ELSEWHERE: dict[type[Exception], tuple[int, str]] = {
    ServerUnreachableError: (_OTHER_SERVER_RETRY_S, "server"),
    ProviderUnavailableError: (_OTHER_SERVER_RETRY_S, "provider"),
    ScannerUnavailableError: (_SCANNER_RETRY_S, "scanner"),
}
_OF_STATUS = {404: Problem.NOT_FOUND, 405: Problem.METHOD_NOT_ALLOWED, 413: Problem.BODY_TOO_LARGE}


def as_problem(error: Exception) -> ProblemError:
    """The problem that this exception is to the caller; `internal` for one that nobody foresaw."""
    if isinstance(error, ProblemError):
        return error
    if type(error) in _PLAIN:
        return ProblemError(_PLAIN[type(error)])
    if type(error) in _WITH_DETAIL:
        problem, detail_key = _WITH_DETAIL[type(error)]
        return ProblemError(problem, detail_key=detail_key)
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
        case ServerNotAllowedError() | NotAPersonError():
            return _of_somebody(error)
        case BadScheduleError() | UnknownVisitTypeError():
            return _of_a_schedule(error)
        case NotOfferedError(reason=why):
            return ProblemError(Problem.SLOT_NOT_OFFERED, detail_key=f"problem.slot-not-offered.{why}")
        case AttachmentUnusableError() | TooLargeError():
            return _of_a_file(error)
        case _:
            return _to_repeat(error)


def _of_somebody(error: ServerNotAllowedError | NotAPersonError) -> ProblemError:
    if isinstance(error, ServerNotAllowedError):
        refused = FieldError("parameter", error.who, "server-not-allowed", {"server": error.server})
    else:
        refused = FieldError("parameter", error.who, "not-a-person")
    return ProblemError(Problem.VALIDATION, errors=[refused])


def _of_a_schedule(error: BadScheduleError | UnknownVisitTypeError) -> ProblemError:
    if isinstance(error, UnknownVisitTypeError):
        return of_visit_type(error, place="pointer", name="#/visit_type")
    refused = FieldError("pointer", f"#/{error.field}", f"schedule-{error.field.replace('_', '-')}")
    return ProblemError(Problem.VALIDATION, errors=[refused])


def of_visit_type(error: UnknownVisitTypeError, *, place: str, name: str) -> ProblemError:
    """A refusal that names the kinds of visits that there are; `place` and `name` as in FieldError."""
    unknown = FieldError(place, name, "visit-type-unknown", {"known": ", ".join(error.known)})
    return ProblemError(Problem.VALIDATION, errors=[unknown])


def _of_a_file(error: AttachmentUnusableError | TooLargeError) -> ProblemError:
    if isinstance(error, AttachmentUnusableError):
        wrong = FieldError("pointer", f"#/attachments/{error.index}", f"attachment-{error.reason}")
        return ProblemError(Problem.VALIDATION, errors=[wrong])
    if error.limit is None:
        return ProblemError(Problem.ATTACHMENT_TOO_LARGE)
    is_large = error.limit >= _MEGABYTE
    size = f"{error.limit // _MEGABYTE} MB" if is_large else f"{error.limit // _KILOBYTE} KB"
    detail_key = "problem.attachment-too-large.limit"
    return ProblemError(Problem.ATTACHMENT_TOO_LARGE, detail_key=detail_key, limit=size)


def _to_repeat(error: Exception) -> ProblemError:
    """For what may succeed later, with when; `internal` for the rest."""
    match error:
        case StillRunningError():
            return _with_retry(Problem.STILL_RUNNING, _RUNNING_RETRY_S)
        case TooManyAttemptsError(retry_after_s=seconds, of=what):
            return _with_retry(
                Problem.TOO_MANY_REQUESTS, seconds, detail_key=f"problem.too-many-requests.{what}"
            )
        case HomeserverUnavailableError(retry_after_s=seconds):
            return _with_retry(Problem.UNAVAILABLE, seconds)
        case ServerUnreachableError() | ProviderUnavailableError() | ScannerUnavailableError():
            seconds, who = _ELSEWHERE[type(error)]
            return _with_retry(Problem.UNAVAILABLE, seconds, detail_key=f"problem.unavailable.{who}")
        case _ if is_temporary(error):
            return _with_retry(Problem.UNAVAILABLE, _DATABASE_RETRY_S)
        case _:
            return ProblemError(Problem.INTERNAL)


def _of_aiohttp(error: web.HTTPException) -> ProblemError:
    fallback = (
        Problem.BAD_REQUEST if error.status < web.HTTPInternalServerError.status_code else Problem.INTERNAL
    )
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return ProblemError(_OF_STATUS.get(error.status, fallback), headers=headers)


def _with_retry(problem: Problem, seconds: float, *, detail_key: str | None = None) -> ProblemError:
    headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
    return ProblemError(problem, detail_key=detail_key, headers=headers)
