"""Appointments over REST, page by page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from pydantic import TypeAdapter

from appointments.listing import page_of, page_of_anybody
from appointments.storage.appointment_lists import Place, Wanted
from bridge.http.appointment_models import AppointmentId, AppointmentsAnswer, AppointmentsQuery
from bridge.http.appointments import answers_with
from bridge.http.fields import parse_instant
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.routing import Answer, Context, json_answer

_ID: TypeAdapter[str] = TypeAdapter(AppointmentId)


async def list_appointments(context: Context, *, query: AppointmentsQuery) -> Answer:
    """GET /api/appointments."""
    services = context.services
    wanted = Wanted(
        start=query.start,
        end=query.end,
        statuses=() if query.status is None else (query.status,),
        patient=query.patient,
        professional=query.professional,
    )
    after = None if query.after is None else _place(query.after)
    if not context.acting_for and query.patient is None and query.professional is None:
        raise ProblemError(Problem.VALIDATION, errors=[FieldError("parameter", "professional", "one-person")])
    async with services.database.read() as connection:
        if context.acting_for:
            page = await page_of(
                connection,
                person=context.acting_for,
                wanted=wanted,
                after=after,
                limit=query.limit,
                now=services.now(),
            )
        else:
            page = await page_of_anybody(connection, wanted=wanted, after=after, limit=query.limit)
    answer = AppointmentsAnswer(
        appointments=await answers_with(context, page.appointments),
        next=None if page.next is None else _cursor(page.next),
    )
    return json_answer(answer)


def _cursor(place: Place) -> str:
    start, appointment_id = place
    return urlsafe_b64encode(f"{start.isoformat()} {appointment_id}".encode()).rstrip(b"=").decode()


def _place(cursor: str) -> Place:
    try:
        start, appointment_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return parse_instant(start), _ID.validate_python(appointment_id)
    except ValueError as error:  # what base64, UTF-8 and pydantic raise, too
        refused = FieldError("parameter", "after", "cursor")
        raise ProblemError(Problem.VALIDATION, errors=[refused]) from error
