"""What happened to appointments, as facts: opaque ids and states, neither times nor reasons."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.events import AppointmentChanged
from appointments.storage import representation as representations
from bridge.facts import Fact, append
from bridge.notices.notices import withdraw_untrue


async def record_appointment(connection: AsyncConnection, changed: AppointmentChanged) -> None:
    """The fact `appointment.booked`, `.moved`, `.cancelled`, `.arrived`, `.fulfilled`, `.noshow`.

    And `.offered`, `.lapsed` for the waiting list; these are the waiting patient's alone, and about the appointment
    with which she waits: `offer_id` says which kept time it is. `audience` are those who represent the patient in
    appointments.
    In the same transaction what was said of the appointment before becomes impossible (bridge/reminding/).
    """
    one = changed.appointment
    kind = f"appointment.{changed.kind}"
    data: dict[str, Any] = {"patient": one.patient, "version": one.version, "by": changed.by}
    if one.holds_for is None:
        data |= {"appointment_id": one.id, "professional": one.professional, "status": one.status}
    else:
        data |= {"appointment_id": one.holds_for, "offer_id": one.id}
    acts = changed.acts
    if acts is None:
        acts = await representations.find_all(connection, patient=one.patient)
    data["audience"] = [act.representative for act in acts if act.covers("appointments", changed.at)]
    await withdraw_untrue(connection, changed)
    fact = Fact(
        id=f"{kind}:{one.id}:{one.version}",
        kind=kind,
        subject=data["appointment_id"],
        at=changed.at,
        data=data,
    )
    await append(connection, fact)
