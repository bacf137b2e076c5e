"""A change of an appointment and what it makes impossible, in the transaction of the change itself.

What was still to be said about the appointment before is not said any more: it leaves the ledger, and the outbox as
far as nothing of it can be under way. (What is encrypted may be in the room already: judging.py judges it when it is
sent once more.) What has to be said now is noted, for planning.py.
"""

import uuid
from datetime import datetime

from sqlalchemy import Select, bindparam, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment, Status
from appointments.events import AppointmentChanged
from appointments.listing import appointments_of
from bridge.notifications import ledger
from bridge.reminding.kinds import CHANGES, CONFIRMED, REMINDER, WISHES
from bridge.storage.deliveries import deliveries
from bridge.storage.reminding import appointment_notices
from bridge.storage.sends import DELIVERY_PREFIX, sends
from bridge.storage.statements import insert_once

EVENT_SUFFIX = ":event"
"""Of the send that tells programs what another one tells people."""

_TO_COME: tuple[Status, ...] = ("booked",)
_ANNOUNCED = ("moved", "cancelled")
_NEW = ("booked", "offered")
"""Of these nothing was ever said."""
_PAST_ONCE_SHE_CAME = (*CHANGES, CONFIRMED, REMINDER)


def _said_of_it(suffix: str) -> Select[str]:
    return select(literal(DELIVERY_PREFIX) + deliveries.c.id + literal(suffix)).where(
        deliveries.c.subject == bindparam("appointment"),
        deliveries.c.channel == "chat",
        deliveries.c.state == "cancelled",
    )


_WITHDRAW = (
    update(sends)
    .where(
        sends.c.state == "accepted",
        or_(sends.c.id.in_(_said_of_it("")), sends.c.id.in_(_said_of_it(EVENT_SUFFIX))),
    )
    .values(state="refused", sealed=None, content=None)
)


async def note_change(connection: AsyncConnection, changed: AppointmentChanged) -> None:
    """Say no more what was true before, and say soon what is true now.

    Who came and who did not is announced to nobody, and who came still hears of a delay. An earlier time that is
    offered is an appointment of its own: once it is answered, or kept no longer, nobody is told of it any more.
    """
    one = changed.appointment
    if changed.kind in _NEW:
        await _note(connection, one, which=changed.kind, kind=changed.kind, by=changed.by, at=changed.at)
        return
    kinds = _PAST_ONCE_SHE_CAME if one.status == "arrived" else None
    await ledger.cancel(connection, subject=one.id, kinds=kinds, now=changed.at)
    await connection.execute(_WITHDRAW, {"appointment": one.id})
    if changed.kind not in _ANNOUNCED:
        return
    await _note(connection, one, which=changed.kind, kind=changed.kind, by=changed.by, at=changed.at)


async def note_confirmed(connection: AsyncConnection, one: Appointment, *, by: str, now: datetime) -> None:
    """The professional is to hear, once, that the patient says she comes."""
    await _note(connection, one, which="confirmed", kind="confirmed", by=by, at=now)


async def note_wishes(connection: AsyncConnection, *, person: str, now: datetime) -> None:
    """She wants to be told in another way now: her reminders of what is to come are to be planned anew."""
    found = await appointments_of(connection, person=person, now=now, start=now, statuses=_TO_COME)
    for one in found:
        if one.professional == person:  # who is reminded of nothing
            continue
        await _note(connection, one, which=f"{WISHES}:{uuid.uuid4().hex}", kind=WISHES, by=person, at=now)


async def _note(
    connection: AsyncConnection, one: Appointment, *, which: str, kind: str, by: str | None, at: datetime
) -> None:
    await insert_once(
        connection,
        appointment_notices,
        id=f"{which}:{one.id}:{one.version}",
        appointment_id=one.id,
        kind=kind,
        by=by,
        at=at,
    )


def delivery_id_of(send_id: str) -> str:
    """The delivery that this send of the assistant's says."""
    return send_id.removeprefix(DELIVERY_PREFIX).removesuffix(EVENT_SUFFIX)
