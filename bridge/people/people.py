"""The people known to us, and whose accounts the bridge holds (managed users).

A name is sealed at rest, and never leaves over Matrix unencrypted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bots.i18n import DEFAULT_LANGUAGE, Language, choose_language
from bots.reminders import Reader
from bots.replies import DEFAULT_ZONE
from bridge.errors import PersonNotFoundError
from bridge.storage.people import people
from bridge.storage.statements import upsert

_ONE = select(people).where(people.c.user_id == bindparam("user"))
_ALL = select(people).order_by(people.c.user_id)
_MANAGED = select(people.c.user_id).where(
    people.c.user_id == bindparam("user"), people.c.managed, people.c.deactivated_at.is_(None)
)
_MANAGED_AMONG = (
    select(people.c.user_id)
    .where(
        people.c.user_id.in_(bindparam("users", expanding=True)),
        people.c.managed,
        people.c.deactivated_at.is_(None),
    )
    .order_by(people.c.user_id)
)

_NAMES = select(people.c.user_id, people.c.display_name_sealed).where(
    people.c.user_id.in_(bindparam("users", expanding=True)), people.c.display_name_sealed.is_not(None)
)
_LANGUAGE = select(people.c.language).where(people.c.user_id == bindparam("user"))


@dataclass(frozen=True, slots=True)
class Person:
    """Someone known to us. `managed`: the bridge holds the account; `language` is `es` or `en`."""

    user_id: str
    managed: bool
    display_name: str | None
    language: str
    timezone: str
    created_at: datetime
    deactivated_at: datetime | None


async def add(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    user_id: str,
    managed: bool,
    display_name: str | None,
    language: str,
    timezone: str,
    now: datetime,
) -> None:
    """Enter a person, or replace what was known of them; someone deactivated is active again."""
    sealed = (
        None if display_name is None else sealer.seal(display_name.encode(), context=_name_context(user_id))
    )
    known = (await connection.execute(_ONE, {"user": user_id})).one_or_none()
    await upsert(
        connection,
        people,
        key={"user_id": user_id},
        values={
            "managed": managed,
            "display_name_sealed": sealed,
            "language": language,
            "timezone": timezone,
            "created_at": now if known is None else known.created_at,
            "deactivated_at": None,
        },
    )


async def deactivate(connection: AsyncConnection, *, user_id: str, now: datetime) -> None:
    """From now on nobody acts for this person. May be repeated. Raises PersonNotFoundError."""
    known = (await connection.execute(_ONE, {"user": user_id})).one_or_none()
    if known is None:
        raise PersonNotFoundError(user_id)
    await connection.execute(
        update(people)
        .where(people.c.user_id == user_id, people.c.deactivated_at.is_(None))
        .values(deactivated_at=now)
    )


async def get(connection: AsyncConnection, *, sealer: Sealer, user_id: str) -> Person | None:
    """The person with this Matrix user id, deactivated or not."""
    row = (await connection.execute(_ONE, {"user": user_id})).one_or_none()
    return None if row is None else _person(row, sealer)


async def list_people(connection: AsyncConnection, *, sealer: Sealer) -> Sequence[Person]:
    """Everyone known to us, deactivated people too, by user id."""
    return [_person(row, sealer) for row in await connection.execute(_ALL)]


async def is_managed(connection: AsyncConnection, user_id: str) -> bool:
    """Whether the bridge may act for this person."""
    return (await connection.execute(_MANAGED, {"user": user_id})).one_or_none() is not None


async def managed_among(connection: AsyncConnection, user_ids: Iterable[str]) -> list[str]:
    """Those of these people whom the bridge may act for, by user id."""
    return list((await connection.execute(_MANAGED_AMONG, {"users": list(user_ids)})).scalars())


async def names_of(connection: AsyncConnection, user_ids: Iterable[str], *, sealer: Sealer) -> dict[str, str]:
    """The display name of each of these people whose name we know."""
    rows = await connection.execute(_NAMES, {"users": list(user_ids)})
    return {
        row.user_id: sealer.open(row.display_name_sealed, context=_name_context(row.user_id)).decode()
        for row in rows
    }


async def language_of(connection: AsyncConnection, user_id: str) -> Language | None:
    """The language that was entered for this person; None for somebody of whom we know nothing."""
    found = (await connection.execute(_LANGUAGE, {"user": user_id})).scalar_one_or_none()
    return None if found is None else choose_language(found)


async def zone_of(connection: AsyncConnection, user_id: str) -> ZoneInfo:
    """Where this person's clock is; the clinic's zone for somebody of whom we know nothing."""
    found = (await connection.execute(_ONE, {"user": user_id})).one_or_none()
    return DEFAULT_ZONE if found is None else ZoneInfo(found.timezone)


async def reader_of(connection: AsyncConnection, user_id: str) -> Reader:
    """How this person reads what we write."""
    language = await language_of(connection, user_id)
    return Reader(user_id, language or DEFAULT_LANGUAGE, await zone_of(connection, user_id))


def _person(row: Row[*tuple[Any, ...]], sealer: Sealer) -> Person:
    name = row.display_name_sealed
    return Person(
        user_id=row.user_id,
        managed=row.managed,
        display_name=None if name is None else sealer.open(name, context=_name_context(row.user_id)).decode(),
        language=row.language,
        timezone=row.timezone,
        created_at=row.created_at,
        deactivated_at=row.deactivated_at,
    )


def _name_context(user_id: str) -> str:
    return f"people:{user_id}"
