"""A professional's day, told in the morning on her own clock."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.listing import appointments_of
from appointments.sealing import Sealer
from appointments.storage.schedules import schedules
from bots.reminders import Reader
from bridge.clock import Now
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import NotWantedError
from bridge.deliveries.ledger import Delivery, enqueue
from bridge.notices.kinds import DIGEST
from bridge.people.people import names_of
from bridge.storage.database import Database

_STILL_MORNING = timedelta(hours=2)
"""So long after its hour a digest still helps, when nothing ran at its hour."""


class Digests:
    """Enters each professional's digest once a day, when there is something in it."""

    def __init__(self, *, database: Database, sealer: Sealer, at: time | None, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._at = at
        self._now = now

    async def enter(self) -> int:
        """Enter those whose hour has come; how many are new."""
        if self._at is None:
            return 0
        now = self._now()
        async with self._database.read() as connection:
            rows = (await connection.execute(select(schedules.c.professional, schedules.c.zone))).all()
        due = [row for row in rows if _is_time(now.astimezone(ZoneInfo(row.zone)), self._at)]
        return sum([await self._enter(row.professional, ZoneInfo(row.zone), now) for row in due])

    async def _enter(self, professional: str, zone: ZoneInfo, now: datetime) -> bool:
        day = now.astimezone(zone).date()
        async with self._database.write() as connection:
            if not await _visits(connection, professional, day=day.isoformat(), zone=zone, now=now):
                return False
            delivery = Delivery(
                id=f"appointment.digest:{day.isoformat()}:{professional}:chat",
                person=professional,
                channel="chat",
                kind=DIGEST,
                subject=professional,
                due_at=now,
                data={"day": day.isoformat(), "zone": zone.key},
            )
            return await enqueue(connection, delivery, sealer=self._sealer)


async def lines_of_the_day(
    connection: AsyncConnection, delivery: Claimed, *, reader: Reader, sealer: Sealer, now: datetime
) -> list[str]:
    """The day's visits, one a line, as they stand when it is told. Raises NotWantedError when none is left."""
    zone = ZoneInfo(delivery.data["zone"])
    visits = await _visits(connection, reader.user_id, day=delivery.data["day"], zone=zone, now=now)
    if not visits:
        raise NotWantedError
    names = await names_of(connection, {one.patient for one in visits}, sealer=sealer)
    return [f"{one.start.astimezone(zone):%H:%M} — {names.get(one.patient, one.patient)}" for one in visits]


async def _visits(
    connection: AsyncConnection, professional: str, *, day: str, zone: ZoneInfo, now: datetime
) -> Sequence[Appointment]:
    """Hers that are not over, as far as she may still know of them."""
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=zone)
    found = await appointments_of(
        connection, person=professional, start=start, end=end, statuses=("booked", "arrived"), now=now
    )
    return [one for one in found if one.professional == professional and one.end > now]


def _is_time(there: datetime, at: time) -> bool:
    hour = there.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return hour <= there < hour + _STILL_MORNING
