"""The appointments of a person, as patient, as professional, and of whom she represents: all of them, or by pages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import pairs_seen_by
from appointments.booking import Appointment, Status
from appointments.storage import appointment_lists as lists
from appointments.storage.appointment_lists import Place, Wanted


@dataclass(frozen=True, slots=True)
class Page:
    """Appointments in order; `next` is the place after which the next page begins, None at the end."""

    appointments: Sequence[Appointment]
    next: Place | None


async def appointments_of(
    connection: AsyncConnection,
    *,
    person: str,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    statuses: Collection[Status] = (),
) -> Sequence[Appointment]:
    """Those that start in [start, end), in order, and are this person's or of whom she represents."""
    pairs = await pairs_seen_by(connection, person, now=now)
    wanted = Wanted(start=start, end=end, statuses=statuses)
    found = await lists.find_of(connection, patients=_patients(pairs, person), person=person, wanted=wanted)
    return [one for one in found if (one.patient, one.professional) in pairs]


async def page_of(
    connection: AsyncConnection,
    *,
    person: str,
    wanted: Wanted,
    after: Place | None,
    limit: int,
    now: datetime,
) -> Page:
    """At most `limit` of the same, those after this place.

    Whatever is booked or cancelled between two pages, one that stays where it is comes once.
    """
    pairs = await pairs_seen_by(connection, person, now=now)
    patients = _patients(pairs, person)
    found: list[Appointment] = []
    is_last = False
    while len(found) <= limit and not is_last:
        some = await lists.find_of(
            connection, patients=patients, person=person, wanted=wanted, after=after, limit=limit + 1
        )
        found += [one for one in some if (one.patient, one.professional) in pairs]
        is_last = len(some) <= limit
        after = some[-1].place if some else after
    return _page(found, limit)


async def page_of_anybody(
    connection: AsyncConnection, *, wanted: Wanted, after: Place | None, limit: int
) -> Page:
    """The same of the patient or the professional who is wanted, whoever asks."""
    return _page(await lists.find_all(connection, wanted=wanted, after=after, limit=limit + 1), limit)


def _patients(pairs: Collection[tuple[str, str]], person: str) -> set[str]:
    # A professional's pairs name all her patients; hers are found by her schedule.
    return {patient for patient, professional in pairs if professional != person} | {person}


def _page(found: Sequence[Appointment], limit: int) -> Page:
    page = found[:limit]
    return Page(page, page[-1].place if len(found) > limit else None)
