"""Use cases of booking, each inside the transaction of the connection it is given.

Whoever books, moves or cancels with a professional locks her schedule first, so they take turns. What must never
happen, two appointments at one time, the database refuses on its own (storage/no_overlap.py).

What happened goes to `record`, in the same transaction.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import offers
from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment, after
from appointments.errors import AppointmentError, NoAppointmentError, TooLateError
from appointments.events import AppointmentChanged
from appointments.intervals import Interval
from appointments.locking import locked_appointment, locked_for_booking, require_version
from appointments.offers import Record
from appointments.schedules import VisitType
from appointments.slots import Slot, free_slots, is_on_offer, require_free, windows
from appointments.storage import appointments as table
from appointments.storage import schedules
from appointments.storage.blocked_times import find_blocked
from appointments.storage.schedules import StoredSchedule


async def offered_slots(
    connection: AsyncConnection,
    *,
    professional: str,
    now: datetime,
    visit_type: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    besides: Collection[str] = (),
) -> list[Slot]:
    """The first `limit` free slots that start in [start, end), in order; by default from now to the horizon.

    The time of the appointments `besides` counts as free. Nothing for somebody without a schedule. Raises
    UnknownVisitTypeError.
    """
    stored = await schedules.find(connection, professional)
    if stored is None:
        return []
    kind = stored.schedule.visit_type(visit_type)
    since = max(start or now, now)
    until = min(end or now + kind.horizon, now + kind.horizon)
    found: list[Slot] = []
    for window in windows(since, until):
        blocked = await _blocked(connection, stored, kind, window, besides=besides)
        for slot in free_slots(stored.schedule, kind, window=window, blocked=blocked, now=now):
            found.append(slot)
            if len(found) == limit:
                return found
    return found


async def book(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    professional: str,
    patient: str,
    start: datetime,
    booked_by: str,
    now: datetime,
    record: Record,
    visit_type: str | None = None,
    reason_sealed: bytes | None = None,
    series_id: str | None = None,
) -> Appointment:
    """Book this time. The same `appointment_id` again gives the appointment that it made.

    Raises NotInCareTeamError, UnknownVisitTypeError, NotOfferedError, SlotTakenError.
    """
    found = await locked_for_booking(
        connection, person=booked_by, patient=patient, professional=professional, now=now
    )
    stored = found.stored
    try:
        kind = stored.schedule.visit_type(visit_type)
        if not is_on_offer(stored.schedule, kind, start=start, now=now):
            await _require_free(connection, stored, kind, start=start, now=now)
        visit = kind.visit(start)
        booked = Appointment(
            id=appointment_id,
            patient=patient,
            professional=professional,
            visit_type=kind.name,
            start=visit.start,
            end=visit.end,
            blocked=kind.blocked(start),
            zone=stored.schedule.zone,
            status="booked",
            version=1,
            sequence=0,
            booked_by=booked_by,
            updated_at=now,
            series_id=series_id,
        )
        # Whether the time is free is the database's to say: asking it before would cost as much once more.
        await table.store_new(connection, booked, schedule_id=stored.id, reason_sealed=reason_sealed, now=now)
    except AppointmentError:
        known = await table.find(connection, appointment_id)
        if known is None:
            raise
        return known
    await record(connection, AppointmentChanged("booked", booked, booked_by, now, found.acts))
    return booked


async def move(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    start: datetime,
    by: str,
    now: datetime,
    record: Record,
    version: int | None = None,
) -> Appointment:
    """Move it to another free time; to the time it has, nothing happens. `version` is the one the caller knows.

    Raises NoAppointmentError, NotInCareTeamError, VersionChangedError, WrongStateError, TooLateError,
    NotOfferedError, SlotTakenError.
    """
    stored, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="move", now=now)
    status = after(known.status, "move")
    if known.start == start:  # also when this very move is asked for once more, with the version before it
        return known
    require_version(known, version)
    if known.start <= now:
        raise TooLateError(appointment_id)
    kind = stored.schedule.visit_type(known.visit_type)
    await _require_free(connection, stored, kind, start=start, now=now, besides=[known.id])
    visit = kind.visit(start)
    moved = replace(
        known,
        start=visit.start,
        end=visit.end,
        blocked=kind.blocked(start),
        status=status,
        version=known.version + 1,
        sequence=known.sequence + 1,
        updated_at=now,
    )
    await table.store_changed(connection, moved)
    await record(connection, AppointmentChanged("moved", moved, by, now))
    await offers.withdraw_useless(connection, stored, moved, now=now, record=record)
    await offers.offer_freed(connection, stored, known.blocked, now=now, record=record, left_by=moved.id)
    return moved


async def cancel(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    by: str,
    now: datetime,
    record: Record,
    reason_sealed: bytes | None = None,
    version: int | None = None,
) -> Appointment:
    """Cancel it. A cancelled one stays as it is, so this may be repeated.

    Raises NoAppointmentError, VersionChangedError, WrongStateError, TooLateError.
    """
    stored, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="cancel", now=now)
    if known.status == "cancelled":
        return known
    require_version(known, version)
    status = after(known.status, "cancel")
    if known.end <= now:
        raise TooLateError(appointment_id)
    cancelled = replace(
        known, status=status, version=known.version + 1, sequence=known.sequence + 1, updated_at=now
    )
    await table.store_changed(connection, cancelled, cancel_reason_sealed=reason_sealed)
    await record(connection, AppointmentChanged("cancelled", cancelled, by, now))
    await offers.withdraw_useless(connection, stored, cancelled, now=now, record=record)
    await offers.offer_freed(connection, stored, known.blocked, now=now, record=record)
    return cancelled


async def appointment_for(
    connection: AsyncConnection, *, appointment_id: str, person: str, now: datetime
) -> Appointment:
    """The appointment, if this person may see it. Raises NoAppointmentError."""
    found = await require_appointment(connection, appointment_id)
    await require_allowed_on(connection, found, person=person, action="see", now=now)
    return found


async def require_appointment(connection: AsyncConnection, appointment_id: str) -> Appointment:
    """The appointment, whosever it is; a time that is kept for somebody is none. Raises NoAppointmentError."""
    found = await table.find(connection, appointment_id)
    if found is None or found.holds_for is not None:
        raise NoAppointmentError(appointment_id)
    return found


async def _require_free(
    connection: AsyncConnection,
    stored: StoredSchedule,
    kind: VisitType,
    *,
    start: datetime,
    now: datetime,
    besides: Collection[str] = (),
) -> None:
    blocked = await _blocked(connection, stored, kind, kind.visit(start), besides=besides)
    require_free(stored.schedule, kind, start=start, blocked=blocked, now=now)


async def _blocked(
    connection: AsyncConnection,
    stored: StoredSchedule,
    kind: VisitType,
    window: Interval,
    *,
    besides: Collection[str],
) -> list[Interval]:
    """What is blocked around the visits that start within the window."""
    around = Interval(window.start - kind.step, window.end + kind.step)
    return await find_blocked(connection, schedule_id=stored.id, window=around, besides=besides)
