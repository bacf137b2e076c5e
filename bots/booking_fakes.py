"""The fake beside bots/booking_ports.py."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from appointments.errors import (
    NoAppointmentError,
    NoOfferError,
    NotInCareTeamError,
    SlotTakenError,
    VersionChangedError,
    WrongStateError,
)
from appointments.intervals import Interval
from bots.booking_ports import Bookable, Booked, Offer, Waits

_LENGTH = timedelta(minutes=20)


class FakeBookingDesk:
    """Who may book for whom, what is free and what was booked, in memory."""

    def __init__(self) -> None:
        self.pairs: dict[str, list[Bookable]] = {}
        self.free: list[datetime] = []
        self.booked: dict[str, Booked] = {}
        self.delays: dict[str, int] = {}
        self.confirmed: set[str] = set()
        self.waiting: set[str] = set()
        self.offers: dict[str, Offer] = {}
        self.accepted: dict[str, tuple[str, datetime]] = {}

    async def bookable(self, person: str) -> Sequence[Bookable]:
        """For whom this person may book now."""
        return list(self.pairs.get(person, []))

    async def slots(
        self, person: str, *, professional: str, within: Interval, most: int, moving: str | None
    ) -> Sequence[datetime]:
        """The first free times."""
        if professional not in {pair.professional for pair in self.pairs.get(person, [])}:
            raise NotInCareTeamError(person)
        own = [self.booked[moving].start] if moving in self.booked else []
        return sorted(at for at in {*self.free, *own} if within.contains(at))[:most]

    async def visits(self, person: str) -> Sequence[Booked]:
        """Those that hold."""
        held = [one for one in self.booked.values() if one.status == "booked" and self._is_seen(person, one)]
        return sorted(held, key=lambda one: one.start)

    async def visit(self, person: str, appointment_id: str) -> Booked:
        """One of them."""
        found = self.booked.get(appointment_id)
        if found is None or not self._is_seen(person, found):
            raise NoAppointmentError(appointment_id)
        return found

    async def book(
        self, person: str, *, operation_id: str, professional: str, patient: str, start: datetime
    ) -> Booked:
        """Book it, once for one operation."""
        if operation_id in self.booked:
            return self.booked[operation_id]
        found = [
            pair
            for pair in self.pairs.get(person, [])
            if (pair.professional, pair.patient) == (professional, patient)
        ]
        if not found:
            raise NotInCareTeamError(person)
        self._take(start)
        made = Booked(
            operation_id, 1, professional, patient, start, start + _LENGTH, "booked", found[0].label
        )
        self.booked[operation_id] = made
        return made

    async def move(self, person: str, *, appointment_id: str, version: int | None, start: datetime) -> Booked:
        """Move it."""
        known = await self._known(person, appointment_id, version)
        if known.start == start:
            return known
        self._take(start)
        self.free.append(known.start)
        moved = replace(known, start=start, end=start + _LENGTH, version=known.version + 1)
        self.booked[appointment_id] = moved
        return moved

    async def cancel(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """Cancel it."""
        known = await self.visit(person, appointment_id)
        if known.status == "cancelled":
            return known
        await self._known(person, appointment_id, version)
        self.free.append(known.start)
        cancelled = replace(known, status="cancelled", version=known.version + 1)
        self.booked[appointment_id] = cancelled
        return cancelled

    async def confirm(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """Note it."""
        known = await self._known(person, appointment_id, version)
        self.confirmed.add(known.id)
        return known

    async def wait(self, person: str, appointment_id: str) -> Waits:
        """Wait with it."""
        known = await self.visit(person, appointment_id)
        if known.status != "booked":
            raise WrongStateError(appointment_id)
        self.waiting.add(known.id)
        return Waits(known, self.offers.get(known.id))

    async def wait_no_longer(self, person: str, appointment_id: str) -> Booked:
        """Wait no longer."""
        known = await self.visit(person, appointment_id)
        self.waiting.discard(known.id)
        self.offers.pop(known.id, None)
        return known

    async def accept_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Move it to what is kept."""
        known = await self.visit(person, appointment_id)
        if offer_id is not None and self.accepted.get(offer_id) == (known.id, known.start):
            return known
        offer = self._offer(appointment_id, offer_id)
        self.waiting.discard(known.id)
        self.accepted[offer.id] = known.id, offer.start
        self.free.append(offer.start)
        return await self.move(person, appointment_id=known.id, version=None, start=offer.start)

    async def decline_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Give it back."""
        known = await self.visit(person, appointment_id)
        self.free.append(self._offer(appointment_id, offer_id).start)
        return known

    async def announce_delay(self, person: str, *, operation_id: str, minutes: int) -> int:
        """Those who wait for this person."""
        self.delays[operation_id] = minutes
        return sum(one.professional == person and one.status == "booked" for one in self.booked.values())

    def _offer(self, appointment_id: str, offer_id: str | None) -> Offer:
        offer = self.offers.get(appointment_id)
        if offer is None or offer_id not in (None, offer.id):
            raise NoOfferError(appointment_id)
        return self.offers.pop(appointment_id)

    async def _known(self, person: str, appointment_id: str, version: int | None) -> Booked:
        known = await self.visit(person, appointment_id)
        if version not in (None, known.version):
            raise VersionChangedError(appointment_id)
        return known

    def _is_seen(self, person: str, one: Booked) -> bool:
        return any(
            (pair.professional, pair.patient) == (one.professional, one.patient)
            for pair in self.pairs.get(person, [])
        )

    def _take(self, start: datetime) -> None:
        if start not in self.free:
            raise SlotTakenError(start.isoformat())
        self.free.remove(start)
