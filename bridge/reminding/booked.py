"""An appointment, and an offer of an earlier time, as one of its people sees them in her chat."""

from collections.abc import Mapping
from hashlib import sha256

from appointments.booking import Appointment
from bots.booking_ports import Booked, Offer


def as_booked(appointment: Appointment, *, person: str, names: Mapping[str, str]) -> Booked:
    """The appointment as this person sees it."""
    return Booked(
        id=appointment.id,
        version=appointment.version,
        professional=appointment.professional,
        patient=appointment.patient,
        start=appointment.start,
        end=appointment.end,
        status=appointment.status,
        label=label(person, appointment.patient, appointment.professional, names),
    )


def label(person: str, patient: str, professional: str, names: Mapping[str, str]) -> str:
    """With whom it is, for this person; somebody who acts for the patient reads for whom, too."""
    if person == professional:
        return names.get(patient, patient)
    other = names.get(professional, professional)
    return other if person == patient else f"{other} · {names.get(patient, patient)}"


def appointment_id_of(event_id: str) -> str:
    """The id of the appointment that this event books: always the same, and nobody's but this event's."""
    return sha256(f"appointment:{event_id}".encode()).hexdigest()[:32]


def as_offer(hold: Appointment | None) -> Offer | None:
    """What is kept; None when nothing is."""
    if hold is None or hold.answer_by is None:
        return None
    return Offer(hold.id, hold.start, hold.answer_by)
