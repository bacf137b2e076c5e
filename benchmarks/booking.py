"""What booking costs with a big clinic's diary: the next free slots, and bookings a second.

A thousand appointments for each professional: the weeks behind her, and ahead a month of which most is taken. Each
measurement also at a tenth of the size, so that growth shows. Bookings run beside bare inserts of the same rows into
the same table, with the constraint that refuses two at one time, each committed on its own.
"""

import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from appointments import booking_services as booking
from appointments.services import start_care
from appointments.several import next_of_several
from appointments.slots import Slot
from benchmarks.diaries import FOR_EACH, INSERT, NOW, appointment_row, diaries, professional_id
from benchmarks.table import Bar, Row, at_least, at_most
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.database import Database

_NEXT = 10
_ASKED, _BOOKED = 300, 600
_ROUNDS = 30
"""Short ones: what else the machine does is to meet both alike."""
_OF_SEVERAL = 50
_ONE_BAR, _ANY_BAR, _BOOKING_BAR = at_most(5), at_most(50), at_least(0.5)


async def measure(directory: Path, *, professionals: int) -> list[Row]:
    """Rows for SQLite and PostgreSQL, each for the whole size and a tenth of it."""
    rows: list[Row] = []
    for kind in ("sqlite", "postgresql"):
        for size in (professionals, professionals // 10):
            async with diaries(str(directory / f"{kind}-{size}"), kind=kind, professionals=size) as database:
                name = f"{kind}, {size * FOR_EACH:,}"
                rows += await _ask(database, name, professionals=size, asked=_ASKED)
                rows.append(await _book(database, name, booked=_BOOKED))
    return rows


async def _ask(database: Database, name: str, *, professionals: int, asked: int) -> list[Row]:
    draw = random.Random(1)  # noqa: S311 the same professionals in every run
    of_several = min(_OF_SEVERAL, professionals)

    async def one() -> None:
        await _next_of(database, professional_id(draw.randrange(professionals)))

    async def several() -> None:
        some = draw.sample(range(professionals), of_several)
        async with database.read() as connection:
            found = await next_of_several(
                connection, professionals=[professional_id(each) for each in some], now=NOW, limit=_NEXT
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
        found = await booking.offered_slots(connection, professional=professional, now=NOW, limit=_NEXT)
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
                    professional=professional_id(number),
                    role="gp",
                    starts=NOW - timedelta(days=1),
                    ends=None,
                    reason_sealed=None,
                    now=NOW,
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
            connection, professional=professional_id(number), now=NOW, limit=count
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
            professional=professional_id(number),
            patient="@patient0:portal.example",
            start=start,
            booked_by="@patient0:portal.example",
            now=NOW,
            record=record_appointment,
        )


async def _bare(database: Database, number: int, start: datetime, name: str) -> None:
    async with database.write() as connection:
        await connection.execute(INSERT, appointment_row(number + 1, name, start))
