"""appointments/ical.py: what calendars are told, and what not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical
from icalendar import Calendar

from appointments.booking import Appointment, Status
from appointments.ical import Listed, Sender, feed, invitation
from appointments.intervals import Interval

START = datetime(2027, 3, 29, 8, tzinfo=UTC)
SENDER = Sender(
    host="portal.example", organizer="no-reply@portal.example", summary="Cita", calendar_name="Citas"
)


def listed(
    *, start: datetime = START, zone: str = "Europe/Madrid", status: Status = "booked", **more: int
) -> Listed:
    """María's appointment with García."""
    end = start + timedelta(minutes=20)
    one = Appointment(
        id="ab12",
        patient="@maria:p",
        professional="@garcia:h",
        visit_type="oncology",
        start=start,
        end=end,
        blocked=Interval(start, end),
        zone=zone,
        status=status,
        version=1,
        sequence=0,
        booked_by="@maria:p",
        updated_at=START - timedelta(days=3),
    )
    return Listed(replace(one, **more), "https://portal.example/?appointment=ab12")


def test_an_invitation_is_whole() -> None:
    """Everything that RFC 5545 and 5546 ask of a request, the time in the professional's zone."""
    made = invitation(listed(), sender=SENDER, attendee="maria@example.org")
    lines = made.decode().replace("\r\n ", "").split("\r\n")
    for line in (
        "METHOD:REQUEST",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Madrid",
        "DTSTART;TZID=Europe/Madrid:20270329T100000",
        "DTEND;TZID=Europe/Madrid:20270329T102000",
        "DTSTAMP:20270326T080000Z",
        "UID:ab12@portal.example",
        "SEQUENCE:0",
        "STATUS:CONFIRMED",
        "SUMMARY:Cita",
        "ORGANIZER:mailto:no-reply@portal.example",
        "TRIGGER:-PT2H",
        "TRIGGER:-PT10M",
    ):
        assert line in lines, line
    assert any(line.startswith("ATTENDEE") and line.endswith("mailto:maria@example.org") for line in lines)


@pytest.mark.parametrize("method", ["invitation", "feed"])
def test_nothing_personal_is_told(method: str) -> None:
    """Neither who, nor with whom, nor what for."""
    made = invitation(listed(), sender=SENDER) if method == "invitation" else feed([listed()], sender=SENDER)
    for word in (b"maria", b"garcia", b"oncology"):
        assert word not in made.lower()


@pytest.mark.parametrize(
    ("status", "method", "state", "alarms"),
    [("booked", "REQUEST", "CONFIRMED", 2), ("cancelled", "CANCEL", "CANCELLED", 0)],
)
def test_a_cancellation_takes_it_out(status: Status, method: str, state: str, alarms: int) -> None:
    """Of the same UID, with a greater SEQUENCE; nothing rings any more."""
    read = Calendar.from_ical(invitation(listed(status=status, sequence=2), sender=SENDER))
    event = read.walk("VEVENT")[0]
    assert (read["METHOD"], event["STATUS"], event["SEQUENCE"], event["UID"]) == (
        method,
        state,
        2,
        "ab12@portal.example",
    )
    assert len(read.walk("VALARM")) == alarms


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Mexico_City", "Atlantic/Canary", "Asia/Kolkata"])
def test_the_zone_is_described_rightly(zone: str) -> None:
    """An independent reader (dateutil) gets the right offset from our VTIMEZONE, on every day of two years."""
    made = invitation(listed(zone=zone), sender=SENDER).decode()
    described, real = tzical(StringIO(made)).get(zone), ZoneInfo(zone)
    for hour in range(0, 700 * 24, 7):
        clock = datetime(2026, 5, 1) + timedelta(hours=hour)  # noqa: DTZ001 - what a clock shows
        offsets = {clock.replace(tzinfo=real, fold=fold).utcoffset() for fold in (0, 1)}
        assert clock.replace(tzinfo=described).utcoffset() in offsets, clock


def test_onsets_are_what_the_clock_showed() -> None:
    """In Madrid at 2:00 in March and at 3:00 in October."""
    made = invitation(listed(), sender=SENDER).decode()
    assert "DTSTART:20270328T020000" in made
    assert "DTSTART:20271031T030000" in made


def test_an_empty_feed_is_a_calendar() -> None:
    """Somebody without appointments subscribes as well."""
    read = Calendar.from_ical(feed([], sender=SENDER))
    assert (read["METHOD"], read.walk("VEVENT")) == ("PUBLISH", [])
