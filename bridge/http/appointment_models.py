"""What appointments, series, the waiting list and calendar feeds look like (see models.py)."""

from typing import Annotated

from pydantic import Field

from appointments.booking import Status
from bridge.http.fields import Count, InstantIn, InstantOut, Reason, UserId
from bridge.http.models import AnswerModel, RequestModel
from bridge.http.schedule_models import VisitTypeName

Cursor = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
AppointmentId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9a-f-]+$")]
Version = Annotated[int, Field(ge=1, description="The version that you know; any other one is refused.")]


class BookAppointment(RequestModel):
    """With whom and when; `patient` may be left out by the patient, `visit_type` is the first one by default."""

    professional: UserId
    start: InstantIn
    patient: UserId | None = None
    visit_type: VisitTypeName | None = None
    reason: Reason | None = None


class BookSeries(RequestModel):
    """The same time of day every so many weeks, so often; the first time is `start`."""

    professional: UserId
    start: InstantIn
    patient: UserId | None = None
    visit_type: VisitTypeName | None = None
    every_weeks: Annotated[int, Field(ge=1, le=52)] = 1
    count: Annotated[int, Field(ge=2, le=52)]


class MoveAppointment(RequestModel):
    """Another time."""

    start: InstantIn
    version: Version | None = None


class CancelAppointment(RequestModel):
    """Why, if that is to be said."""

    reason: Reason | None = None
    version: Version | None = None


class AttendAppointment(RequestModel):
    """The version that you know, if it matters."""

    version: Version | None = None


class AppointmentPath(RequestModel):
    """Which appointment."""

    id: AppointmentId


class AppointmentsQuery(RequestModel):
    """Which appointments: those that start in [from, to)."""

    start: InstantIn | None = Field(default=None, alias="from")
    end: InstantIn | None = Field(default=None, alias="to")
    status: Status | None = None
    patient: UserId | None = None
    professional: UserId | None = None
    limit: Annotated[Count, Field(ge=1, le=500)] = 100
    after: Cursor | None = None


class FeedPath(RequestModel):
    """Which feed."""

    secret: Annotated[str, Field(min_length=1, max_length=128)]


class AppointmentAnswer(AnswerModel):
    """An appointment; `status` in FHIR's words. `conversation_id` and `call_id` are null while there is none."""

    id: str
    professional: str
    patient: str
    start: InstantOut
    end: InstantOut
    status: Status
    visit_type: str
    conversation_id: str | None
    call_id: str | None
    join_url: str
    version: int


class AppointmentsAnswer(AnswerModel):
    """A page of appointments, by start; `next` is the `after` of the page after this, null on the last one."""

    appointments: list[AppointmentAnswer]
    next: str | None


class SeriesAnswer(AnswerModel):
    """A series: each occurrence is an appointment like any other."""

    series_id: str
    appointments: list[AppointmentAnswer]


class ReasonsAnswer(AnswerModel):
    """Why an appointment was made, and why it was cancelled, as far as that was said."""

    reason: str | None
    cancel_reason: str | None


class OfferAnswer(AnswerModel):
    """An earlier time that is kept until `answer_by`."""

    start: InstantOut
    end: InstantOut
    answer_by: InstantOut


class WaitingAnswer(AnswerModel):
    """Since when an earlier time is waited for (null: it is not), and what is offered."""

    since: InstantOut | None
    offer: OfferAnswer | None


class FeedAnswer(AnswerModel):
    """Where a calendar subscribes; shown this once."""

    url: str
