"""The table of schedules. Its integer id is what the database's refusal of double booking goes by."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, Row, Table, Text, bindparam, cast, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.public_holidays import Region
from appointments.schedules import Hours, Schedule, VisitType
from appointments.storage.schema import Instant, metadata

schedules = Table(
    "schedules",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("professional", Text, nullable=False, unique=True),
    Column("zone", Text, nullable=False),
    Column("document", JSON, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

_c = schedules.c
# The document as the text that it is: what was read of it once is known (_schedule).
COLUMNS = (_c.id, _c.professional, _c.zone, cast(_c.document, Text).label("document"))
_ONE = select(*COLUMNS).where(_c.professional == bindparam("professional"))
_LOCKED = _ONE.with_for_update()
_SEVERAL = select(*COLUMNS).where(_c.professional.in_(bindparam("professionals", expanding=True)))


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A professional's schedule, and the id by which her appointments refer to it."""

    id: int
    professional: str
    schedule: Schedule


async def find(connection: AsyncConnection, professional: str) -> StoredSchedule | None:
    """This professional's schedule."""
    return await _find(connection, _ONE, professional)


async def find_several(
    connection: AsyncConnection, professionals: Collection[str]
) -> Sequence[StoredSchedule]:
    """The schedules of those who have one."""
    rows = await connection.execute(_SEVERAL, {"professionals": list(professionals)})
    return [stored_schedule(row) for row in rows]


async def find_for_update(connection: AsyncConnection, professional: str) -> StoredSchedule | None:
    """The same, its row locked until the transaction ends: whoever books with her does so one after the other.

    Without it two that insert at once would wait for each other in PostgreSQL's exclusion constraint.
    """
    return await _find(connection, _LOCKED, professional)


async def store(connection: AsyncConnection, professional: str, schedule: Schedule, *, now: datetime) -> None:
    """Insert the schedule, or replace the one that was there."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"zone": schedule.zone, "document": _document(schedule), "updated_at": now}
    statement = insert(schedules).values(professional=professional, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["professional"], set_=values))


async def _find(connection: AsyncConnection, statement: Any, professional: str) -> StoredSchedule | None:
    row = (await connection.execute(statement, {"professional": professional})).one_or_none()
    return None if row is None else stored_schedule(row)


def stored_schedule(row: Row[*tuple[Any, ...]]) -> StoredSchedule:
    """The schedule in a row of COLUMNS."""
    return StoredSchedule(row.id, row.professional, _schedule(row.zone, row.document))


def _document(schedule: Schedule) -> dict[str, Any]:
    region = schedule.region
    return {
        "weekly": {str(day): _hours_out(hours) for day, hours in schedule.weekly.items()},
        "exceptions": {day.isoformat(): _hours_out(hours) for day, hours in schedule.exceptions.items()},
        "region": None if region is None else [region.country, region.subdivision],
        "answer_s": schedule.time_to_answer.total_seconds(),
        "visit_types": [
            {
                "name": one.name,
                "length_s": one.length.total_seconds(),
                "before_s": one.buffer_before.total_seconds(),
                "after_s": one.buffer_after.total_seconds(),
                "notice_s": one.notice.total_seconds(),
                "horizon_s": one.horizon.total_seconds(),
            }
            for one in schedule.visit_types
        ],
    }


@lru_cache(maxsize=4096)
def _schedule(zone: str, text: str) -> Schedule:
    document: Mapping[str, Any] = json.loads(text)
    region = document["region"]
    return Schedule(
        zone=zone,
        weekly={int(day): _hours_in(hours) for day, hours in document["weekly"].items()},
        exceptions={date.fromisoformat(day): _hours_in(h) for day, h in document["exceptions"].items()},
        region=None if region is None else Region(*region),
        time_to_answer=timedelta(seconds=document["answer_s"]),
        visit_types=tuple(
            VisitType(
                name=one["name"],
                length=timedelta(seconds=one["length_s"]),
                buffer_before=timedelta(seconds=one["before_s"]),
                buffer_after=timedelta(seconds=one["after_s"]),
                notice=timedelta(seconds=one["notice_s"]),
                horizon=timedelta(seconds=one["horizon_s"]),
            )
            for one in document["visit_types"]
        ),
    )


def _hours_out(hours: Any) -> list[list[str]]:
    return [[one.opens.isoformat("minutes"), one.closes.isoformat("minutes")] for one in hours]


def _hours_in(hours: list[list[str]]) -> tuple[Hours, ...]:
    return tuple(Hours(time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in hours)
