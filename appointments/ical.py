"""Appointments for people's calendars: invitations and cancellations (RFC 5545, RFC 5546), and a feed.

Calendars and mailboxes are others' machines: no names and no reasons, only that there is an appointment, and where to
go. The UID of an appointment never changes, its SEQUENCE grows with each move and its cancellation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress

from appointments.availability import clock_changes, offset_at
from appointments.booking import Appointment, Status
from appointments.intervals import Interval

_ALARMS = (timedelta(hours=-2), timedelta(minutes=-10))
_OBSERVANCES_AROUND = timedelta(days=366)
_STATES: dict[Status, str] = {"proposed": "TENTATIVE", "cancelled": "CANCELLED", "noshow": "CANCELLED"}

Method = Literal["REQUEST", "CANCEL"]


@dataclass(frozen=True, slots=True)
class Listed:
    """An appointment in a calendar, and where its people go."""

    appointment: Appointment
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends calendars: `host` makes ids unique, `organizer` is an e-mail address; texts say nothing personal."""

    host: str
    organizer: str
    summary: str
    calendar_name: str


def ical_status(status: Status) -> str:
    """The STATUS (RFC 5545, 3.8.1.11) of an appointment in this state."""
    return _STATES.get(status, "CONFIRMED")


def method_of(status: Status) -> Method:
    """REQUEST for an appointment that holds, at first and after each move; CANCEL for one that doesn't."""
    return "CANCEL" if ical_status(status) == "CANCELLED" else "REQUEST"


def invitation(listed: Listed, *, sender: Sender, attendee: str | None = None) -> bytes:
    """The appointment with the METHOD of its state.

    `attendee` is the e-mail address of whom it is sent to; nobody is named when it is only downloaded.
    """
    event = _event(listed, sender=sender)
    event.add("organizer", vCalAddress(f"mailto:{sender.organizer}"))
    if attendee is not None:
        event.add(
            "attendee",
            vCalAddress(f"mailto:{attendee}"),
            parameters={"partstat": "NEEDS-ACTION", "rsvp": "FALSE"},
        )
    return _calendar(
        [event], [listed.appointment], method=method_of(listed.appointment.status), sender=sender
    )


def feed(listed: Sequence[Listed], *, sender: Sender) -> bytes:
    """METHOD:PUBLISH with all of these, cancelled ones too, so that calendars take them out."""
    events = [_event(one, sender=sender) for one in listed]
    return _calendar(events, [one.appointment for one in listed], method="PUBLISH", sender=sender)


def _event(listed: Listed, *, sender: Sender) -> Event:
    appointment = listed.appointment
    zone = ZoneInfo(appointment.zone)
    event = Event()
    event.add("uid", f"{appointment.id}@{sender.host}")
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", appointment.updated_at)
    event.add("dtstart", appointment.start.astimezone(zone))
    event.add("dtend", appointment.end.astimezone(zone))
    event.add("summary", sender.summary)
    event.add("url", listed.url)
    event.add("status", ical_status(appointment.status))
    event.add("class", "PRIVATE")
    if appointment.status == "booked":
        for before in _ALARMS:
            event.add_component(_alarm(before, summary=sender.summary))
    return event


def _alarm(before: timedelta, *, summary: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", before)
    return alarm


def _calendar(
    events: Iterable[Event], appointments: Sequence[Appointment], *, method: str, sender: Sender
) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Videoconsulta//ES")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add("x-wr-calname", sender.calendar_name)
    for zone in sorted({one.zone for one in appointments}):
        times = [at for one in appointments if one.zone == zone for at in (one.start, one.end)]
        calendar.add_component(_timezone(zone, Interval(min(times), max(times))))
    for event in events:
        calendar.add_component(event)
    made: bytes = calendar.to_ical()
    return made


def _timezone(zone: str, used: Interval) -> Timezone:
    """VTIMEZONE: each change of the clocks from before the first to after the last time that refers to it."""
    info = ZoneInfo(zone)
    around = Interval(used.start - _OBSERVANCES_AROUND, used.end + _OBSERVANCES_AROUND)
    known = offset_at(around.start, info)
    made = Timezone()
    made.add("tzid", zone)
    for instant, before, after in [(around.start, known, known), *clock_changes(around, info)]:
        is_summer = bool(instant.astimezone(info).dst())
        part = TimezoneDaylight() if is_summer else TimezoneStandard()
        # RFC 5545, 3.6.5: the onset as a clock showed it that had not changed yet.
        part.add("dtstart", (instant + before).replace(tzinfo=None))
        part.add("tzoffsetfrom", before)
        part.add("tzoffsetto", after)
        part.add("tzname", instant.astimezone(info).tzname() or zone)
        made.add_component(part)
    return made
