"""What happened to appointments, as facts: opaque ids and states, neither times nor reasons."""

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.events import AppointmentChanged
from bridge.facts import Fact, append


async def record_appointment(connection: AsyncConnection, changed: AppointmentChanged) -> None:
    """The fact `appointment.booked`, `.moved`, `.cancelled`; `.offered`, `.lapsed` for the waiting list.

    The last two are about the appointment that waits: `offer_id` says which kept time it is.
    """
    one = changed.appointment
    kind = f"appointment.{changed.kind}"
    is_offer = one.holds_for is not None
    await append(
        connection,
        Fact(
            id=f"{kind}:{one.id}:{one.version}",
            kind=kind,
            subject=one.holds_for or one.id,
            at=changed.at,
            data={
                "appointment_id": one.holds_for or one.id,
                "patient": one.patient,
                "professional": one.professional,
                "status": one.status,
                "version": one.version,
                "by": changed.by,
                **({"offer_id": one.id} if is_offer else {}),
            },
        ),
    )
