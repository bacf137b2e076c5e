"""What can be done with an appointment, each verb once: for who chooses from a list and for programs alike."""

from dataclasses import dataclass
from typing import Literal

from bots.booking_dialogue import Step
from bots.booking_ports import Booked, BookingDesk, Offer

Became = Literal["booked", "moved", "cancelled", "confirmed", "waits", "waits-no-longer", "declined"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an appointment; `offer` is the earlier time that is kept for one that waits."""

    became: Became
    visit: Booked
    offer: Offer | None = None


async def carry_out(desk: BookingDesk, step: Step, *, person: str, operation_id: str) -> Outcome | None:
    """Do what this step says; None when that is nothing, or lacks the time that it needs.

    Raises what the desk raises.
    """
    known, version, offer_id = step.appointment_id or "", step.version, step.offer_id
    became: Became
    offer = None
    match step.do:
        case "book" if step.start is not None:
            visit = await desk.book(
                person,
                operation_id=operation_id,
                professional=step.professional,
                patient=step.patient,
                start=step.start,
            )
            became = "booked"
        case "move" if step.start is not None:
            visit = await desk.move(person, appointment_id=known, version=version, start=step.start)
            became = "moved"
        case "cancel":
            visit = await desk.cancel(person, appointment_id=known, version=version)
            became = "cancelled"
        case "confirm":
            visit = await desk.confirm(person, appointment_id=known, version=version)
            became = "confirmed"
        case "wait":
            waits = await desk.wait(person, known)
            became, visit, offer = "waits", waits.visit, waits.offer
        case "wait-no-longer":
            visit = await desk.wait_no_longer(person, known)
            became = "waits-no-longer"
        case "accept":
            visit = await desk.accept_offer(person, appointment_id=known, offer_id=offer_id)
            became = "moved"
        case "decline":
            visit = await desk.decline_offer(person, appointment_id=known, offer_id=offer_id)
            became = "declined"
        case _:
            return None
    return Outcome(became, visit, offer)
