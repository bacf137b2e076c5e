"""Use cases of the waiting list ("tell me if something earlier frees up"), each in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import offers
from appointments.appointment_access import require_allowed_on
from appointments.booking import Appointment
from appointments.booking_services import appointment_for, move
from appointments.errors import NoOfferError, WrongStateError
from appointments.locking import locked_appointment, locked_schedule
from appointments.offers import Record
from appointments.storage import appointments as table
from appointments.storage import waiting


@dataclass(frozen=True, slots=True)
class Waiting:
    """Since when an earlier time is waited for, and the one that is kept until it is answered."""

    since: datetime | None
    offer: Appointment | None


async def wait_for_earlier(
    connection: AsyncConnection, *, appointment_id: str, by: str, now: datetime
) -> Waiting:
    """From now on wait for an earlier time; whoever waits already keeps her place in the line.

    Raises NoAppointmentError, NotInCareTeamError, WrongStateError.
    """
    _, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="move", now=now)
    if known.status != "booked" or known.start <= now:
        raise WrongStateError(f"waiting with one that is {known.status}")
    await waiting.join(connection, appointment_id, now=now)
    return await _waiting(connection, appointment_id, now=now)


async def waiting_of(
    connection: AsyncConnection, *, appointment_id: str, person: str, now: datetime
) -> Waiting:
    """How it stands. Raises NoAppointmentError."""
    await appointment_for(connection, appointment_id=appointment_id, person=person, now=now)
    return await _waiting(connection, appointment_id, now=now)


async def wait_no_longer(
    connection: AsyncConnection, *, appointment_id: str, by: str, now: datetime, record: Record
) -> Appointment:
    """Wait no longer, and give back what is kept: the appointment. May be repeated. Raises NoAppointmentError."""
    stored, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="cancel", now=now)
    await waiting.leave(connection, appointment_id)
    for hold in await waiting.offers_for(connection, appointment_id):
        if hold.status == "proposed":
            await offers.pass_on(connection, stored, hold, by=by, now=now, record=record)
    return known


async def accept_offer(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    by: str,
    now: datetime,
    record: Record,
    offer_id: str | None = None,
) -> Appointment:
    """Move the appointment to the earlier time that is kept for it, and wait no longer.

    `offer_id` is the offer that the caller means; with it this may be repeated. Raises NoOfferError, and what `move`
    raises.
    """
    _, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="move", now=now)
    if offer_id is not None and await _was_taken(connection, known, offer_id):
        return known
    offer = await _require_offer(connection, appointment_id, offer_id, now=now)
    await offers.release(connection, offer, by=by, now=now, record=record)
    await waiting.leave(connection, appointment_id)
    return await move(
        connection, appointment_id=appointment_id, start=offer.start, by=by, now=now, record=record
    )


async def decline_offer(
    connection: AsyncConnection,
    *,
    appointment_id: str,
    by: str,
    now: datetime,
    record: Record,
    offer_id: str | None = None,
) -> Appointment:
    """Give back the time that is kept; the appointment goes on waiting. Raises NoOfferError, NoAppointmentError."""
    stored, known = await locked_appointment(connection, appointment_id)
    await require_allowed_on(connection, known, person=by, action="cancel", now=now)
    offer = await _require_offer(connection, appointment_id, offer_id, now=now)
    await offers.pass_on(connection, stored, offer, by=by, now=now, record=record)
    return known


async def lapsed_offers(connection: AsyncConnection, *, now: datetime) -> Sequence[Appointment]:
    """The offers whose time to answer has passed; each is then given to `lapse_offer`."""
    return await waiting.lapsed(connection, now=now)


async def lapse_offer(
    connection: AsyncConnection, offer: Appointment, *, now: datetime, record: Record
) -> None:
    """Pass on an offer that nobody answered in time. What was answered meanwhile stays as it is."""
    stored = await locked_schedule(connection, offer.professional)
    current = await table.find(connection, offer.id)
    if current is not None and current.status == "proposed":
        await offers.pass_on(connection, stored, current, by=None, now=now, record=record)


async def _require_offer(
    connection: AsyncConnection, appointment_id: str, offer_id: str | None, *, now: datetime
) -> Appointment:
    offer = (await _waiting(connection, appointment_id, now=now)).offer
    if offer is None or offer_id not in (None, offer.id):
        raise NoOfferError(appointment_id)
    return offer


async def _was_taken(connection: AsyncConnection, known: Appointment, offer_id: str) -> bool:
    hold = await table.find(connection, offer_id)
    return (
        hold is not None
        and hold.holds_for == known.id
        and hold.status == "cancelled"
        and (known.status, known.start) == ("booked", hold.start)
    )


async def _waiting(connection: AsyncConnection, appointment_id: str, *, now: datetime) -> Waiting:
    since = await waiting.since(connection, appointment_id)
    for hold in await waiting.offers_for(connection, appointment_id):
        if hold.status == "proposed" and hold.answer_by is not None and now < hold.answer_by:
            return Waiting(since, hold)
    return Waiting(since, None)
