"""From changes of appointments to what the ledger of deliveries has to say, to whom and when.

A change's row goes in the transaction that enters its deliveries, whose ids are made of what they announce: a crash
or a second process repeats nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.booking import Appointment
from appointments.quiet_hours import QuietHours
from appointments.reminders import reminders
from appointments.sealing import Sealer
from appointments.storage import representation as representations
from appointments.storage.appointments import find
from bridge.clock import Now
from bridge.database import Database
from bridge.notifications import preferences
from bridge.notifications.ledger import Channel, Delivery, enqueue
from bridge.notifications.preferences import Preferences
from bridge.people import zone_of
from bridge.reminding.judging import REMINDER
from bridge.reminding.settings import ReminderSettings
from bridge.storage.reminding import appointment_notices as notices

_AT_ONCE = 100
_NEXT = select(notices).order_by(notices.c.at).limit(_AT_ONCE).with_for_update(skip_locked=True)


class Planning:
    """Plans; several processes share the work."""

    def __init__(self, *, database: Database, sealer: Sealer, settings: ReminderSettings, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._settings = settings
        self._now = now

    async def plan(self) -> int:
        """Plan until nothing is left; how many changes that were."""
        total = 0
        while done := await self._some():
            total += done
        return total

    async def _some(self) -> int:
        async with self._database.write() as connection:
            rows = (await connection.execute(_NEXT)).all()
            for row in rows:
                await self._one(connection, row)
            await connection.execute(delete(notices).where(notices.c.id.in_([row.id for row in rows])))
        return len(rows)

    async def _one(self, connection: AsyncConnection, row: Row[Any]) -> None:
        appointment = await find(connection, row.appointment_id)
        if appointment is None or not row.id.endswith(f":{appointment.version}"):
            return  # changed again since: that change has a row of its own
        for person in await concerned(connection, appointment, now=self._now()):
            wanted = await preferences.get(connection, sealer=self._sealer, person=person) or Preferences()
            told = _Told(appointment, person, _channels(wanted))
            await self._enqueue(connection, told, f"appointment.{row.kind}", row.at, is_own=person == row.by)
            if row.kind != "cancelled" and person != appointment.professional and wanted.reminders:
                await self._remind(connection, told, wanted, since=row.at)

    async def _remind(
        self, connection: AsyncConnection, told: "_Told", wanted: Preferences, *, since: datetime
    ) -> None:
        appointment = told.appointment
        planned = reminders(
            start=appointment.start,
            before=self._settings.rules().for_person(appointment.visit_type, own=wanted.spans_before),
            now=since,
            quiet=await self._quiet(connection, told.person, wanted),
        )
        for one in planned:
            minutes = one.before // timedelta(minutes=1)
            await self._enqueue(
                connection,
                told,
                REMINDER,
                one.at,
                before=minutes,
                at=one.at.isoformat(),
                later=[other.at.isoformat() for other in planned if other.at > one.at],
            )

    async def _enqueue(
        self,
        connection: AsyncConnection,
        told: "_Told",
        kind: str,
        due_at: datetime,
        **data: Any,
    ) -> None:
        which = f"{kind}:{data['before']}" if "before" in data else kind
        appointment = told.appointment
        for channel in told.channels:
            delivery = Delivery(
                id=f"{which}:{appointment.id}:{appointment.version}:{told.person}:{channel}",
                person=told.person,
                channel=channel,
                kind=kind,
                subject=appointment.id,
                due_at=due_at,
                data={"version": appointment.version, **data},
            )
            await enqueue(connection, delivery, sealer=self._sealer)

    async def _quiet(
        self, connection: AsyncConnection, person: str, wanted: Preferences
    ) -> QuietHours | None:
        if wanted.quiet_hours is not None:
            return wanted.quiet_hours
        return self._settings.quiet_hours_in(await zone_of(connection, person))


@dataclass(frozen=True, slots=True)
class _Told:
    """Who is told of which appointment, and how."""

    appointment: Appointment
    person: str
    channels: tuple[Channel, ...]


def _channels(wanted: Preferences) -> tuple[Channel, ...]:
    """The chat for everybody (who has none of her own is left out there), and e-mail for who wants it."""
    return ("chat", "email") if wanted.email and wanted.address is not None else ("chat",)


async def concerned(connection: AsyncConnection, appointment: Appointment, *, now: datetime) -> Sequence[str]:
    """Who hears of it: the patient, who acts for her in appointments, the professional."""
    acts = await representations.find_all(connection, patient=appointment.patient)
    acting = [one.representative for one in acts if one.covers("appointments", now)]
    return [appointment.patient, *acting, appointment.professional]
