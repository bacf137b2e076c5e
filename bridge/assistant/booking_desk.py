"""Appointments for people in a chat: the use cases behind bots/booking_ports.py."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import booking_services as booking
from appointments import waiting_services as waiting
from appointments.access import standings_of
from appointments.appointment_access import require_slots_shown
from appointments.appointment_permissions import APPOINTMENT_TABLE
from appointments.booking import Appointment, Status
from appointments.errors import VersionChangedError
from appointments.intervals import Interval
from appointments.listing import appointments_of
from appointments.locking import locked_appointment
from appointments.offers import Record
from appointments.sealing import Sealer
from appointments.storage import schedules
from bots.booking_ports import Bookable, Booked, Waits
from bridge.clock import Now
from bridge.facts import Fact, append
from bridge.notices.appointment_facts import record_appointment
from bridge.notices.judging import is_over
from bridge.notices.notices import note_confirmed
from bridge.people.people import names_of
from bridge.reminding.booked import appointment_id_of, as_booked, as_offer, label
from bridge.reminding.delays import tell_of_delay
from bridge.storage.database import Database

_TO_COME: tuple[Status, ...] = ("booked",)
_STILL_WAITING = timedelta(hours=1)


class _Change(Protocol):
    """A use case of one appointment."""

    async def __call__(
        self, connection: AsyncConnection, *, by: str, now: datetime, record: Record
    ) -> Appointment:
        """Change it: as it is afterwards."""


class BookingDesk:
    """Books for whoever asks, as the table of permissions allows."""

    def __init__(self, *, database: Database, sealer: Sealer, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    async def bookable(self, person: str) -> Sequence[Bookable]:
        """For whom this person may book now, by name."""
        async with self._database.read() as connection:
            standings = await standings_of(connection, person, now=self._now(), scope="appointments")
            pairs = [
                (one.care.patient, one.care.professional)
                for one in standings
                if APPOINTMENT_TABLE[one.relation]["book"] == "allowed"
                and await schedules.find(connection, one.care.professional) is not None
            ]
            names = await names_of(connection, {user for pair in pairs for user in pair}, sealer=self._sealer)
        found = [
            Bookable(professional, patient, label(person, patient, professional, names))
            for patient, professional in pairs
        ]
        return sorted(found, key=lambda one: (one.patient != person, one.label, one.professional))

    async def slots(
        self, person: str, *, professional: str, within: Interval, most: int, moving: str | None
    ) -> Sequence[datetime]:
        """The first free times. Raises NotInCareTeamError, NoAppointmentError."""
        async with self._database.read() as connection:
            now, kind = self._now(), None
            if moving is not None:
                known = await booking.appointment_for(
                    connection, appointment_id=moving, person=person, now=now
                )
                professional, kind = known.professional, known.visit_type
            await require_slots_shown(connection, person=person, professional=professional, now=now)
            found = await booking.offered_slots(
                connection,
                professional=professional,
                now=now,
                visit_type=kind,
                start=within.start,
                end=within.end,
                limit=most,
                besides=[] if moving is None else [moving],
            )
        return [one.start for one in found]

    async def visits(self, person: str) -> Sequence[Booked]:
        """Those still to come."""
        async with self._database.read() as connection:
            found = await appointments_of(
                connection, person=person, now=self._now(), start=self._now(), statuses=_TO_COME
            )
            users = {user for one in found for user in (one.patient, one.professional)}
            names = await names_of(connection, users, sealer=self._sealer)
        return [as_booked(one, person=person, names=names) for one in found]

    async def visit(self, person: str, appointment_id: str) -> Booked:
        """One of them."""
        async with self._database.read() as connection:
            found = await booking.appointment_for(
                connection, appointment_id=appointment_id, person=person, now=self._now()
            )
        return await self._shown(found, person)

    async def book(
        self, person: str, *, operation_id: str, professional: str, patient: str, start: datetime
    ) -> Booked:
        """Book it, once for one event."""
        async with self._database.write() as connection:
            booked = await booking.book(
                connection,
                appointment_id=appointment_id_of(operation_id),
                professional=professional,
                patient=patient,
                start=start,
                booked_by=person,
                now=self._now(),
                record=record_appointment,
            )
        return await self._shown(booked, person)

    async def move(self, person: str, *, appointment_id: str, version: int | None, start: datetime) -> Booked:
        """Move it."""
        move = partial(booking.move, appointment_id=appointment_id, version=version, start=start)
        return await self._changed(person, move)

    async def cancel(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """Cancel it."""
        cancel = partial(booking.cancel, appointment_id=appointment_id, version=version)
        return await self._changed(person, cancel)

    async def confirm(self, person: str, *, appointment_id: str, version: int | None) -> Booked:
        """The fact `appointment.confirmed`, which the professional is told: the person says that she comes."""
        now = self._now()
        async with self._database.write() as connection:
            await booking.appointment_for(connection, appointment_id=appointment_id, person=person, now=now)
            _, found = await locked_appointment(connection, appointment_id)
            if found.status != "booked" or version not in (None, found.version):
                raise VersionChangedError(appointment_id)
            if person != found.professional:
                await note_confirmed(connection, found, by=person, now=now)
            data = {"appointment_id": found.id, "version": found.version, "by": person}
            await append(
                connection,
                Fact(
                    id=f"appointment.confirmed:{found.id}:{found.version}:{person}",
                    kind="appointment.confirmed",
                    subject=found.id,
                    at=now,
                    data={**data, "professional": found.professional, "status": found.status},
                ),
            )
        return await self._shown(found, person)

    async def wait(self, person: str, appointment_id: str) -> Waits:
        """From now on wait for an earlier time."""
        async with self._database.write() as connection:
            waits = await waiting.wait_for_earlier(
                connection, appointment_id=appointment_id, by=person, now=self._now()
            )
        return Waits(await self.visit(person, appointment_id), as_offer(waits.offer))

    async def wait_no_longer(self, person: str, appointment_id: str) -> Booked:
        """Wait no longer."""
        return await self._changed(person, partial(waiting.wait_no_longer, appointment_id=appointment_id))

    async def accept_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Move it to the earlier time."""
        accept = partial(waiting.accept_offer, appointment_id=appointment_id, offer_id=offer_id)
        return await self._changed(person, accept)

    async def decline_offer(self, person: str, *, appointment_id: str, offer_id: str | None) -> Booked:
        """Give the earlier time back."""
        decline = partial(waiting.decline_offer, appointment_id=appointment_id, offer_id=offer_id)
        return await self._changed(person, decline)

    async def announce_delay(self, person: str, *, operation_id: str, minutes: int) -> int:
        """Tell everybody whose visit with this professional is still to come today."""
        now = self._now()
        async with self._database.write() as connection:
            stored = await schedules.find(connection, person)
            if stored is None:
                return 0
            found = await appointments_of(
                connection,
                person=person,
                now=now,
                start=now - _STILL_WAITING,
                end=_end_of_day(now, stored.schedule.zone_info),
                statuses=("booked", "arrived"),
            )
            awaited = [
                one
                for one in found
                if one.professional == person and not is_over(one, minutes=minutes, now=now)
            ]
            for one in awaited:
                await tell_of_delay(
                    connection, one, operation_id=operation_id, minutes=minutes, sealer=self._sealer, now=now
                )
        return len(awaited)

    async def _changed(self, person: str, change: _Change) -> Booked:
        async with self._database.write() as connection:
            changed = await change(connection, by=person, now=self._now(), record=record_appointment)
        return await self._shown(changed, person)

    async def _shown(self, found: Appointment, person: str) -> Booked:
        async with self._database.read() as connection:
            names = await names_of(connection, {found.patient, found.professional}, sealer=self._sealer)
        return as_booked(found, person=person, names=names)


def _end_of_day(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone)
