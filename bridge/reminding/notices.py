"""A change of an appointment and what it makes impossible, in the transaction of the change itself.

What was still to be said about the appointment before is not said any more: it leaves the ledger, and the outbox as
far as nothing of it can be under way. (What is encrypted may be in the room already: judging.py judges it when it is
sent once more.) What has to be said now is noted, for planning.py.
"""

from sqlalchemy import Select, bindparam, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.events import AppointmentChanged
from bridge.notifications import ledger
from bridge.storage.deliveries import deliveries
from bridge.storage.reminding import appointment_notices
from bridge.storage.sends import DELIVERY_PREFIX, sends
from bridge.storage.statements import insert_once

EVENT_SUFFIX = ":event"
"""Of the send that tells programs what another one tells people."""

_ANNOUNCED = ("booked", "moved", "cancelled")


def _said_of_it(suffix: str) -> Select[str]:
    return select(literal(DELIVERY_PREFIX) + deliveries.c.id + literal(suffix)).where(
        deliveries.c.subject == bindparam("appointment"), deliveries.c.channel == "chat"
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

    Who came and who did not is announced to nobody. Offers of the waiting list are neither.
    """
    one = changed.appointment
    if one.holds_for is not None:
        return
    await ledger.cancel(connection, subject=one.id, now=changed.at)
    await connection.execute(_WITHDRAW, {"appointment": one.id})
    if changed.kind not in _ANNOUNCED:
        return
    await insert_once(
        connection,
        appointment_notices,
        id=f"{changed.kind}:{one.id}:{one.version}",
        appointment_id=one.id,
        kind=changed.kind,
        by=changed.by,
        at=changed.at,
    )


def delivery_id_of(send_id: str) -> str:
    """The delivery that this send of the assistant's says."""
    return send_id.removeprefix(DELIVERY_PREFIX).removesuffix(EVENT_SUFFIX)
