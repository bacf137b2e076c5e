"""How each person wants to be told: her address, her language, after how long, and when not."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.quiet_hours import QuietHours
from appointments.sealing import Sealer
from bridge.storage.notification_preferences import notification_preferences
from bridge.storage.statements import upsert

DEFAULT_DELAY_MINUTES = 5
_c = notification_preferences.c


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a person wants. `minutes_before` None: the clinic's own reminders."""

    address: str | None = None
    email: bool = False
    push: bool = True
    language: Literal["es", "en"] = "es"
    delay_minutes: int = DEFAULT_DELAY_MINUTES
    quiet_hours: QuietHours | None = None
    reminders: bool = True
    minutes_before: tuple[int, ...] | None = None

    @property
    def spans_before(self) -> tuple[timedelta, ...] | None:
        """How long before an appointment she is reminded; None: as the clinic does."""
        own = self.minutes_before
        return None if own is None else tuple(timedelta(minutes=minutes) for minutes in own)

    @property
    def delay(self) -> timedelta:
        """How long a message stays unread before she is told by mail."""
        return timedelta(minutes=self.delay_minutes)

    def quiet_until(self, now: datetime) -> datetime | None:
        """When she may be told again; None when she may be told now."""
        return None if self.quiet_hours is None else self.quiet_hours.until(now)


_JSON = TypeAdapter(Preferences)
_OF_PEOPLE = select(notification_preferences).where(_c.person.in_(bindparam("people", expanding=True)))


async def get(connection: AsyncConnection, *, sealer: Sealer, person: str) -> Preferences | None:
    """What this person wants; None if she never said."""
    return (await get_all(connection, sealer=sealer, people=[person])).get(person)


async def get_all(
    connection: AsyncConnection, *, sealer: Sealer, people: Collection[str]
) -> dict[str, Preferences]:
    """What those of these people want who said it."""
    rows = await connection.execute(_OF_PEOPLE, {"people": list(people)})
    return {row.person: _opened(row.sealed, row.person, sealer) for row in rows}


async def put(
    connection: AsyncConnection, preferences: Preferences, *, sealer: Sealer, person: str, now: datetime
) -> Preferences | None:
    """From now on this is what she wants: what she wanted until now, which nobody else changes meanwhile."""
    query = select(_c.sealed).where(_c.person == person).with_for_update()
    before = (await connection.execute(query)).scalar_one_or_none()
    sealed = sealer.seal(_JSON.dump_json(preferences), context=_context(person))
    values = {"sealed": sealed, "updated_at": now}
    await upsert(connection, notification_preferences, key={"person": person}, values=values)
    return None if before is None else _opened(before, person, sealer)


async def no_more_email(connection: AsyncConnection, *, sealer: Sealer, person: str, now: datetime) -> None:
    """She wants no e-mail any more. May be repeated."""
    known = await get(connection, sealer=sealer, person=person)
    if known is not None:
        await put(connection, replace(known, email=False), sealer=sealer, person=person, now=now)


def _opened(sealed: bytes, person: str, sealer: Sealer) -> Preferences:
    return _JSON.validate_json(sealer.open(sealed, context=_context(person)))


def _context(person: str) -> str:
    return f"notification_preferences:{person}"
