"""A professional's diary for tests: her schedule, who is in her care, and what they do."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments import booking_services as services
from appointments.booking import Appointment
from appointments.events import AppointmentChanged
from appointments.listing import appointments_of
from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from appointments.slots import Slot
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care

GARCIA, LOPEZ = "@garcia:h", "@lopez:h"
MARIA, PEDRO, ANA = "@maria:p", "@pedro:p", "@ana:p"
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # a Monday, 8:00 in Madrid
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NINE = NOW + HOUR
OFFICE = (Hours(time(9), time(17)),)


def schedule(
    *,
    zone: str = "Europe/Madrid",
    weekly: dict[int, tuple[Hours, ...]] | None = None,
    exceptions: dict[date, tuple[Hours, ...]] | None = None,
    visit_types: tuple[VisitType, ...] | None = None,
    **more: Any,
) -> Schedule:
    """By default Monday to Friday, 9:00 to 17:00 in Madrid, visits of 20 minutes."""
    return Schedule(
        zone=zone,
        weekly=dict.fromkeys(range(5), OFFICE) if weekly is None else weekly,
        exceptions=exceptions or {},
        visit_types=visit_types or (visit(),),
        **more,
    )


def visit(name: str = "visit", *, minutes: int = 20, **minutes_of: int) -> VisitType:
    """A kind of visit; its other times too are in minutes."""
    spans = {key: value * MINUTE for key, value in minutes_of.items()}
    return VisitType(name=name, length=minutes * MINUTE, **spans)


@dataclass
class Diary:
    """Acts on the database; `facts` are what was recorded."""

    database: Database
    now: datetime = NOW
    facts: list[AppointmentChanged] = field(default_factory=list)

    async def record(self, connection: AsyncConnection, changed: AppointmentChanged) -> None:
        """Remember what happened."""
        assert connection
        self.facts.append(changed)

    @property
    def happened(self) -> list[str]:
        """The kinds of what happened, in order."""
        return [fact.kind for fact in self.facts]

    async def put_schedule(self, made: Schedule | None = None, *, professional: str = GARCIA) -> bool:
        """Enter it."""
        async with self.database.write() as connection:
            return await put_schedule(
                connection, professional=professional, schedule=made or schedule(), now=self.now
            )

    async def start_care(self, *patients: str, professional: str = GARCIA, ends: datetime | None = None):
        """From now on."""
        async with self.database.write() as connection:
            for patient in patients:
                await enter_care(
                    connection, patient, professional, now=self.now, starts=self.now - DAY, ends=ends
                )

    async def slots(self, **asked: Any) -> list[Slot]:
        """What García offers."""
        asked = {"professional": GARCIA, "now": self.now, **asked}
        async with self.database.read() as connection:
            return await services.offered_slots(connection, **asked)

    async def ids(self, person: str, **asked: Any) -> list[str]:
        """The appointments that this person sees."""
        async with self.database.read() as connection:
            found = await appointments_of(connection, person=person, now=self.now, **asked)
        return [one.id for one in found]

    async def book(self, start: datetime, *, name: str | None = None, patient: str = MARIA, **more: Any):
        """Book with García, by default by the patient."""
        async with self.database.write() as connection:
            return await services.book(
                connection,
                appointment_id=name or f"{patient}-{start.isoformat()}",
                **{"professional": GARCIA, "booked_by": patient, **more},
                patient=patient,
                start=start,
                now=self.now,
                record=self.record,
            )

    async def move(self, known: Appointment, start: datetime, *, by: str | None = None, **more: Any):
        """Move it, by default by its patient."""
        return await self.do(services.move, known, by=by, start=start, **more)

    async def cancel(self, known: Appointment, *, by: str | None = None, **more: Any):
        """Cancel it, by default by its patient."""
        return await self.do(services.cancel, known, by=by, **more)

    async def do(self, use_case: Any, known: Appointment, *, by: str | None = None, **more: Any) -> Any:
        """One of the use cases about an appointment."""
        async with self.database.write() as connection:
            return await use_case(
                connection,
                appointment_id=known.id,
                by=by or known.patient,
                now=self.now,
                **{"record": self.record, **more},
            )


async def open_diary(database: Database) -> Diary:
    """García works as usual and cares for María and Pedro."""
    diary = Diary(database)
    await diary.put_schedule()
    await diary.start_care(MARIA, PEDRO, ANA)
    return diary
