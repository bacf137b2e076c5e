"""What the assistant says of appointments of its own accord: changes, reminders, delays, the day's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from appointments.booking import Appointment
from appointments.ical import ical_status
from bots.booking_ports import Booked, Offer
from bots.i18n import Language, translate
from bots.spoken_times import spoken


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads it: in her language, on her clock."""

    user_id: str
    language: Language
    zone: ZoneInfo


def changed(kind: str, visit: Booked, *, reader: Reader) -> str:
    """That an appointment was `booked`, `moved` or `cancelled` by somebody else."""
    return translate(reader.language, f"reminder.{kind}", time=_time(visit, reader), who=visit.label)


def reminder(visit: Booked, *, reader: Reader, now: datetime) -> str:
    """A reminder; how long it still is stands as it is `now`, also when it comes late."""
    left = _left(visit.start - now, reader.language)
    text = translate(
        reader.language, "reminder.coming", time=_time(visit, reader), who=visit.label, left=left
    )
    return f"{text}\n{translate(reader.language, 'reminder.choices')}"


def offer(visit: Booked, kept: Offer, *, reader: Reader) -> str:
    """That an earlier time is kept for this appointment, until when, and how to answer."""
    text = translate(
        reader.language,
        "reminder.offer",
        time=spoken(kept.start, zone=reader.zone, language=reader.language),
        current=_time(visit, reader),
        until=spoken(kept.answer_by, zone=reader.zone, language=reader.language),
        who=visit.label,
    )
    return f"{text}\n{translate(reader.language, 'reminder.offer-choices')}"


def delay(visit: Booked, *, minutes: int, reader: Reader) -> str:
    """That a visit will begin later."""
    time = visit.start.astimezone(reader.zone)
    return translate(
        reader.language, "reminder.delay", time=f"{time:%H:%M}", who=visit.label, minutes=minutes
    )


def digest(lines: Sequence[str], *, language: Language) -> str:
    """A professional's day."""
    return "\n".join([translate(language, "reminder.digest", count=len(lines)), *lines])


def appointment_content(appointment: Appointment) -> dict[str, Any]:
    """The content of `es.videoconsulta.appointment`: iCalendar's fields, for programs. It travels encrypted."""
    return {
        "uid": appointment.id,
        "sequence": appointment.sequence,
        "dtstart": _instant(appointment.start, appointment.zone),
        "dtend": _instant(appointment.end, appointment.zone),
        "status": ical_status(appointment.status),
    }


def _instant(at: datetime, zone: str) -> dict[str, str]:
    return {"tzid": zone, "value": at.astimezone(ZoneInfo(zone)).strftime("%Y%m%dT%H%M%S")}


def _time(visit: Booked, reader: Reader) -> str:
    return spoken(visit.start, zone=reader.zone, language=reader.language)


def _left(left: timedelta, language: Language) -> str:
    total = max(1, round(left / timedelta(minutes=1)))
    hours = round(total / 60)
    if total < 90:  # noqa: PLR2004 — until then people count minutes
        return translate(language, "reminder.minutes", count=total)
    if hours < 36:  # noqa: PLR2004 — until then people count hours
        return translate(language, "reminder.hours", count=hours)
    return translate(language, "reminder.days", count=round(hours / 24))
