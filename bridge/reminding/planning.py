"""From changes of appointments to what the ledger of deliveries has to say, to whom and when.

A change's row goes in the transaction that enters its deliveries, whose ids are made of what they announce: a crash
or a second process repeats nothing. One that can't be planned holds up no other.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.reminders import reminders
from appointments.sealing import Sealer
from appointments.storage.appointments import find
from bridge.clock import Now
from bridge.deliveries import ledger
from bridge.live.placing import Placing
from bridge.notices.kinds import CONFIRMED, OFFER, REMINDER, WISHES
from bridge.notices.settings import ReminderSettings
from bridge.notices.telling import Told, concerned, enter, quiet_hours_of, told
from bridge.storage.database import Database
from bridge.storage.reminding import appointment_notices as notices

log = logging.getLogger(__name__)

_AT_ONCE = 100
_PAUSE = timedelta(minutes=1)
"""Before what failed is tried again."""

_c = notices.c
_FIRST = select(_c.id, _c.at).order_by(_c.at, _c.id).limit(_AT_ONCE)
_NEXT = _FIRST.where(
    or_(_c.at > bindparam("at"), and_(_c.at == bindparam("at"), _c.id > bindparam("notice")))
)
_ONE = select(notices).where(_c.id == bindparam("notice")).with_for_update(skip_locked=True)
_DONE = delete(notices).where(_c.id == bindparam("notice"))


class Planning:
    """Plans; several processes share the work."""

    def __init__(
        self,
        *,
        database: Database,
        sealer: Sealer,
        settings: ReminderSettings,
        placing: Placing,
        now: Now,
    ) -> None:
        self._database = database
        self._placing = placing
        self._sealer = sealer
        self._settings = settings
        self._now = now
        self._failed: dict[str, datetime] = {}

    async def plan(self) -> int:
        """Plan what there is; how many changes that were."""
        await self._placing.place()
        total = 0
        rows = await self._some(_FIRST)
        while rows:
            for row in rows:
                total += await self._plan(row.id)
            rows = await self._some(_NEXT, at=rows[-1].at, notice=rows[-1].id)
        return total

    async def _some(self, query: Any, **after: Any) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            return (await connection.execute(query, after)).all()

    async def _plan(self, notice: str) -> bool:
        failed_at = self._failed.get(notice)
        if failed_at is not None and self._now() < failed_at + _PAUSE:
            return False
        try:
            async with self._database.write() as connection:
                row = (await connection.execute(_ONE, {"notice": notice})).first()
                if row is None:  # another process has it
                    return False
                await self._enter(connection, row)
                await connection.execute(_DONE, {"notice": notice})
        except Exception as error:  # noqa: BLE001 — the next change may be planned all the same
            log.warning("a change of an appointment can't be planned: %s", type(error).__name__)
            self._failed[notice] = self._now()
            return False
        self._failed.pop(notice, None)
        return True

    async def _enter(self, connection: AsyncConnection, row: Row[Any]) -> None:
        appointment = await find(connection, row.appointment_id)
        if appointment is None or not row.id.endswith(f":{appointment.version}"):
            return  # changed again since: that change has a row of its own
        if row.kind == WISHES:
            await self._anew(
                connection, await told(connection, appointment, person=row.by, sealer=self._sealer)
            )
            return
        kind = f"appointment.{row.kind}"
        if kind == CONFIRMED:
            one = await told(connection, appointment, person=appointment.professional, sealer=self._sealer)
            await self._announce(connection, replace(one, channels=("chat",)), kind, row)
            return
        for person in await concerned(connection, appointment, now=self._now()):
            if kind == OFFER and person == appointment.professional:
                continue  # to whom her free time is offered is no news for her
            one = await told(connection, appointment, person=person, sealer=self._sealer)
            await self._announce(connection, one, kind, row)
            if row.kind in ("booked", "moved") and person != appointment.professional:
                await self._remind(connection, one, since=row.at)

    async def _announce(self, connection: AsyncConnection, one: Told, kind: str, row: Row[Any]) -> None:
        """Who did it herself gets what programs and calendars need, and no push, which would say nothing new."""
        is_own = one.person == row.by
        channels = [channel for channel in one.channels if not (is_own and channel == "push")]
        await enter(
            connection,
            replace(one, channels=tuple(channels)),
            which=kind,
            kind=kind,
            due_at=row.at,
            sealer=self._sealer,
            is_own=is_own,
        )

    async def _anew(self, connection: AsyncConnection, one: Told) -> None:
        """What is still to come is planned as she wants it now; what is said, or was to be said already, stays."""
        now = self._now()
        for waiting in await ledger.find_waiting(
            connection,
            subject=one.appointment.id,
            kind=REMINDER,
            person=one.person,
            sealer=self._sealer,
        ):
            if datetime.fromisoformat(waiting.data["at"]) > now:
                await ledger.forget(connection, waiting)
        if one.appointment.status == "booked":
            await self._remind(connection, one, since=now)

    async def _remind(self, connection: AsyncConnection, one: Told, *, since: datetime) -> None:
        if not one.wanted.reminders:
            return
        appointment = one.appointment
        planned = reminders(
            start=appointment.start,
            before=self._settings.rules().for_person(appointment.visit_type, own=one.wanted.spans_before),
            now=since,
            quiet=await quiet_hours_of(connection, one.person, one.wanted, settings=self._settings),
        )
        for each in planned:
            minutes = each.before // timedelta(minutes=1)
            await enter(
                connection,
                one,
                which=f"{REMINDER}:{minutes}",
                kind=REMINDER,
                due_at=each.at,
                sealer=self._sealer,
                before=minutes,
                at=each.at.isoformat(),
                later=[other.at.isoformat() for other in planned if other.at > each.at],
            )
