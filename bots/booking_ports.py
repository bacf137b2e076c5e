"""What booking in a chat asks of the rest of the house. bots/booking_fakes.py has the fake."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from appointments.intervals import Interval


@dataclass(frozen=True, slots=True)
class Bookable:
    """Two people for whom the asker may book; `label` says to her who they are."""

    professional: str
    patient: str
    label: str


@dataclass(frozen=True, slots=True)
class Booked:
    """An appointment as the asker sees it; `label` says to her with whom."""

    id: str
    version: int
    professional: str
    patient: str
    start: datetime
    end: datetime
    status: str
    label: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An earlier time that is kept for an appointment until it is answered."""

    id: str
    start: datetime
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """An appointment with which an earlier time is waited for, and what is kept for it."""

    visit: Booked
    offer: Offer | None


class BookingDesk(Protocol):
    """Appointments, for people in a chat. Everything raises what appointments/errors.py says."""

    async def bookable(self, person: str) -> Sequence[Bookable]:
        """For whom this person may book now, always in the same order."""

    async def slots(
        self, person: str, *, professional: str, within: Interval, most: int, moving: str | None
    ) -> Sequence[datetime]:
        """The first free times that start within this span; the time of the one that is `moving` counts as free.

        Raises NotInCareTeamError.
        """

    async def visits(self, person: str) -> Sequence[Booked]:
        """Those still to come that are this person's or of whom she acts for, in order."""

    async def visit(self, person: str, appointment_id: str) -> Booked:
        """One of them. Raises NoAppointmentError."""

    async def book(
        self, person: str, *, operation_id: str, professional: str, patient: str, start: datetime
    ) -> Booked:
        """Book it; the same `operation_id` again gives the same appointment."""

    async def move(self, person: str, *, appointment_id: str, version: int | None, start: datetime) -> Booked:
        """Move it; to the time it has, nothing happens."""

    async def cancel(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """Cancel it; may be repeated."""

    async def confirm(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """Note that the person says she comes; may be repeated."""

    async def wait(self, person: str, appointment_id: str) -> Waits:
        """From now on wait for an earlier time; whoever waits already keeps her place in the line."""

    async def wait_no_longer(self, person: str, appointment_id: str) -> Booked:
        """Wait no longer, and give back what is kept; may be repeated."""

    async def accept_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Move it to the earlier time; the same `offer_id` again changes nothing. Raises NoOfferError."""

    async def decline_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Give the earlier time back, and go on waiting. Raises NoOfferError."""

    async def announce_delay(self, person: str, *, operation_id: str, minutes: int) -> int:
        """Tell everybody who waits for this professional today; how many appointments that concerns."""
