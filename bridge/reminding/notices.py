"""A change of an appointment and what it makes impossible, in the transaction of the change itself.

What was still to be said about the appointment before is not said any more: it leaves the ledger, and the outbox as
far as the homeserver does not have it. What has to be said now is noted, for planning.py.
"""

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.events import AppointmentChanged
from bridge.notifications import ledger
from bridge.storage.deliveries import deliveries
from bridge.storage.reminding import appointment_notices
from bridge.storage.send_statements import IS_WAITING
from bridge.storage.sends import sends
from bridge.storage.statements import insert_once

SEND_PREFIX = "delivery:"
_ANNOUNCED = ("booked", "moved", "cancelled")
_WITHDRAW = (
    update(sends)
    .where(
        IS_WAITING,
        sends.c.id.in_(
            select(literal(SEND_PREFIX) + deliveries.c.id).where(
                deliveries.c.subject == bindparam("appointment"), deliveries.c.channel == "chat"
            )
        ),
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
