"""Offers of an earlier time: what a move or a cancellation frees goes to whoever waits, first come first.

An offer is an appointment of its own, `proposed`, that holds the time for another one until it is answered, so the
database keeps everybody else from it. Each time is offered once to each who waits.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment, after
from appointments.errors import NoAppointmentError, NotInCareTeamError, UnknownVisitTypeError
from appointments.events import AppointmentChanged
from appointments.intervals import Interval
from appointments.slots import Slot, free_slots
from appointments.storage import appointments as table
from appointments.storage import waiting
from appointments.storage.blocked_times import find_blocked
from appointments.storage.schedules import StoredSchedule

Record = Callable[[AsyncConnection, AppointmentChanged], Awaitable[None]]
"""Makes a fact of what happened; called within the transaction."""


async def offer_freed(
    connection: AsyncConnection,
    stored: StoredSchedule,
    freed: Interval,
    *,
    now: datetime,
    record: Record,
    left_by: str = "",
) -> None:
    """Offer what fits into the freed time to the first who waits and can take it.

    `left_by` is the appointment that has just moved away from it: nobody is asked back.
    """
    for one in await waiting.line(connection, schedule_id=stored.id, after=max(freed.start, now)):
        if one.id == left_by:
            continue
        slot = await _slot_for(connection, stored, one, freed, now=now)
        if slot is not None:
            await _hold(connection, stored, one, slot, now=now, record=record)
            return


async def withdraw_useless(
    connection: AsyncConnection,
    stored: StoredSchedule,
    changed: Appointment,
    *,
    now: datetime,
    record: Record,
) -> None:
    """After any change: keep no time for this appointment that would not be an earlier one."""
    if changed.status != "booked":
        await waiting.leave(connection, changed.id)
    for hold in await waiting.offers_for(connection, changed.id):
        is_earlier = changed.status == "booked" and hold.start < changed.start
        if hold.status == "proposed" and not is_earlier:
            await pass_on(connection, stored, hold, by=None, now=now, record=record)


async def pass_on(
    connection: AsyncConnection,
    stored: StoredSchedule,
    hold: Appointment,
    *,
    by: str | None,
    now: datetime,
    record: Record,
) -> None:
    """Keep this time no longer, but offer it to the next who waits."""
    await release(connection, hold, by=by, now=now, record=record)
    await offer_freed(connection, stored, hold.blocked, now=now, record=record)


async def release(
    connection: AsyncConnection, hold: Appointment, *, by: str | None, now: datetime, record: Record
) -> None:
    """Keep this time no longer."""
    released = replace(hold, status=after(hold.status, "cancel"), version=hold.version + 1, updated_at=now)
    await table.store_changed(connection, released)
    await record(connection, AppointmentChanged("lapsed", released, by, now))


async def _slot_for(
    connection: AsyncConnection, stored: StoredSchedule, one: Appointment, freed: Interval, *, now: datetime
) -> Slot | None:
    """The first free slot within the freed time that this appointment could move to, and was not offered yet."""
    try:
        await require_allowed_on(connection, one, person=one.patient, action="move", now=now)
        kind = stored.schedule.visit_type(one.visit_type)
    except (NoAppointmentError, NotInCareTeamError, UnknownVisitTypeError):
        return None
    around = Interval(freed.start - kind.step, freed.end + kind.step)
    blocked = await find_blocked(connection, schedule_id=stored.id, window=around)
    offered = {hold.start for hold in await waiting.offers_for(connection, one.id)}
    for slot in free_slots(stored.schedule, kind, window=freed, blocked=blocked, now=now):
        if slot.start not in offered and now < slot.start < one.start:
            return slot
    return None


async def _hold(
    connection: AsyncConnection,
    stored: StoredSchedule,
    waits: Appointment,
    slot: Slot,
    *,
    now: datetime,
    record: Record,
) -> None:
    kind = stored.schedule.visit_type(waits.visit_type)
    hold = replace(
        waits,
        id=uuid.uuid4().hex,
        start=slot.start,
        end=slot.end,
        blocked=kind.blocked(slot.start),
        status="proposed",
        version=1,
        sequence=0,
        updated_at=now,
        series_id=None,
        holds_for=waits.id,
        # Later it would be too soon before the visit to accept.
        answer_by=min(now + stored.schedule.time_to_answer, slot.start - kind.notice),
    )
    await table.store_new(connection, hold, schedule_id=stored.id, reason_sealed=None, now=now)
    await record(connection, AppointmentChanged("offered", hold, None, now))
