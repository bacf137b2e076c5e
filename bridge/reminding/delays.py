"""A professional's delay, for everybody who waits."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.sealing import Sealer
from bridge.notifications.ledger import Delivery, enqueue
from bridge.reminding.planning import concerned


async def tell_of_delay(
    connection: AsyncConnection,
    appointment: Appointment,
    *,
    operation_id: str,
    minutes: int,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Tell the patient, and who acts for her, once for one `operation_id`."""
    for person in await concerned(connection, appointment, now=now):
        if person == appointment.professional:
            continue
        delivery = Delivery(
            id=f"appointment.delay:{operation_id}:{appointment.id}:{person}:chat",
            person=person,
            channel="chat",
            kind="appointment.delay",
            subject=appointment.id,
            due_at=now,
            data={"version": appointment.version, "minutes": minutes},
        )
        await enqueue(connection, delivery, sealer=sealer)
