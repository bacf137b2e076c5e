"""A professional's delay, for everybody who waits."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.sealing import Sealer
from bridge.facts import Fact, append
from bridge.notices.kinds import DELAY
from bridge.notices.telling import concerned, enter, told


async def tell_of_delay(
    connection: AsyncConnection,
    appointment: Appointment,
    *,
    operation_id: str,
    minutes: int,
    sealer: Sealer,
    now: datetime,
) -> None:
    """Tell the patient, and who acts for her, once for one `operation_id`: on every way that each of them has.

    The fact `appointment.delayed` is for their pages in the portal.
    """
    waiting = [
        one for one in await concerned(connection, appointment, now=now) if one != appointment.professional
    ]
    for person in waiting:
        await enter(
            connection,
            await told(connection, appointment, person=person, sealer=sealer),
            which=f"{DELAY}:{operation_id}",
            kind=DELAY,
            due_at=now,
            sealer=sealer,
            minutes=minutes,
            start=appointment.start.isoformat(),
        )
    data = {"appointment_id": appointment.id, "status": appointment.status}
    await append(
        connection,
        Fact(
            id=f"{DELAY}:{operation_id}:{appointment.id}",
            kind="appointment.delayed",
            subject=appointment.id,
            at=now,
            data={**data, "audience": waiting},
        ),
    )
