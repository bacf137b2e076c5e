"""Appointments as iCalendar: one to download, all of a person's to subscribe to."""

from datetime import timedelta
from urllib.parse import urlsplit

from appointments.ical import Listed, feed, invitation
from appointments.listing import appointments_of
from appointments.storage import calendar_feeds
from bridge.bookings import calendar_sender, join_url, make_feed, person_of_feed
from bridge.http.appointment_models import AppointmentPath, FeedAnswer, FeedPath
from bridge.http.appointments import find
from bridge.http.problems import Problem, ProblemError
from bridge.http.routing import Answer, Context, json_answer
from bridge.people.people import language_of

CALENDAR = "text/calendar"
_KEPT_IN_FEED = timedelta(days=90)


async def get_ics(context: Context, *, path: AppointmentPath) -> Answer:
    """GET /api/appointments/{id}.ics."""
    settings = context.services.settings
    found = await find(context, path.id)
    made = invitation(
        Listed(found, join_url(settings, found.id)), sender=calendar_sender(settings, context.language)
    )
    headers = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Answer(body=made, content_type=CALENDAR, headers=headers)


async def create_feed(context: Context) -> Answer:
    """POST /api/calendar: a new secret; the one before opens nothing any more."""
    services = context.services
    async with services.database.write() as connection:
        secret = await make_feed(connection, person=context.acting_for, now=services.now())
    base = urlsplit(services.settings.public_url)
    url = f"{base.scheme}://{base.netloc}{base.path}api/calendar/{secret}.ics"
    return json_answer(FeedAnswer(url=url), status=201)


async def revoke_feed(context: Context) -> Answer:
    """DELETE /api/calendar: 204, may be repeated."""
    services = context.services
    async with services.database.write() as connection:
        await calendar_feeds.remove(connection, context.acting_for)
    return Answer(status=204)


async def get_feed(context: Context, *, path: FeedPath) -> Answer:
    """GET /api/calendar/{secret}.ics: what is to come, and what was of late."""
    services = context.services
    now = services.now()
    async with services.database.read() as connection:
        person = await person_of_feed(connection, path.secret)
        if person is None:
            raise ProblemError(Problem.NOT_FOUND)
        language = await language_of(connection, person) or context.language
        found = await appointments_of(connection, person=person, start=now - _KEPT_IN_FEED, now=now)
    listed = [Listed(one, join_url(services.settings, one.id)) for one in found]
    made = feed(listed, sender=calendar_sender(services.settings, language))
    return Answer(body=made, content_type=CALENDAR)
