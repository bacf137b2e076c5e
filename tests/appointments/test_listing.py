"""appointments/listing.py on both databases: by pages it is the same list, whatever happens between them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.event import listen

from appointments.listing import appointments_of, page_of, page_of_anybody
from appointments.storage.appointment_lists import Place, Wanted
from bridge.storage.database import Database
from tests.appointments.diary import ANA, DAY, GARCIA, HOUR, LOPEZ, MARIA, MINUTE, NINE, NOW, PEDRO, Diary
from tests.appointments.relationships import enter_representation

Between = Callable[[], Awaitable[object]]


async def walk(
    diary: Diary, person: str | None, *, limit: int, between: Between | None = None, **wanted: Any
) -> list[str]:
    """The ids on every page, in order; `between` happens after each page. Nobody asks: the clinic does."""
    after: Place | None = None
    seen: list[str] = []
    while True:
        async with diary.database.read() as connection:
            asked = {"wanted": Wanted(**wanted), "after": after, "limit": limit}
            if person is None:
                page = await page_of_anybody(connection, **asked)
            else:
                page = await page_of(connection, person=person, now=diary.now, **asked)
        assert len(page.appointments) == limit or page.next is None
        seen += [one.id for one in page.appointments]
        if page.next is None:
            return seen
        after = page.next
        if between is not None:
            await between()


@pytest.mark.parametrize("person", [MARIA, PEDRO, GARCIA, ANA, None])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_all_pages_are_the_list(diary: Diary, person: str | None, limit: int) -> None:
    """In order, each once, also where several start together; what she may not see leaves no gap."""
    for number in range(7):
        await diary.book(NINE + number * HOUR, patient=(MARIA, PEDRO)[number % 2])
    await diary.put_schedule(professional=PEDRO)  # who is a professional too, at the same times
    await diary.start_care(MARIA, professional=PEDRO)
    for number in range(3):
        await diary.book(NINE + number * HOUR, patient=MARIA, professional=PEDRO, name=f"b{number}")
    async with diary.database.write() as connection:
        await enter_representation(connection, MARIA, ANA, "appointments", now=NOW)
    if person is None:
        assert len(await walk(diary, None, limit=limit, patient=MARIA)) == 7
        assert len(await walk(diary, None, limit=limit, patient=MARIA, professional=PEDRO)) == 3
        return
    async with diary.database.read() as connection:
        whole = [one.id for one in await appointments_of(connection, person=person, now=diary.now)]
    assert len(whole) == {MARIA: 7, PEDRO: 6, GARCIA: 7, ANA: 7}[person]
    assert await walk(diary, person, limit=limit) == whole


async def test_what_happens_between_two_pages_moves_nothing(diary: Diary) -> None:
    """Bookings before and after the place, cancellations, moves of others: those that stay come once, in order."""
    stay = [await diary.book(NINE + number * HOUR) for number in range(8)]
    times = iter([NINE + 20 * MINUTE + number * HOUR for number in range(8)])
    moved = await diary.book(NINE + DAY)

    async def meanwhile() -> None:
        at = next(times)
        await diary.book(at, patient=PEDRO)
        await diary.book(at + 2 * DAY)
        await diary.move(moved, at + timedelta(days=3))

    seen = await walk(diary, GARCIA, limit=2, between=meanwhile)
    staying = {one.id for one in stay}
    assert [one for one in seen if one in staying] == [one.id for one in stay]
    assert len(seen) == len(set(seen))


async def test_a_list_reads_a_persons_own_rows(database: Database) -> None:
    """SQLite looks them up by patient and by schedule, and not through all that there are."""
    if not database.is_sqlite:
        return
    asked: list[str] = []
    async with database.read() as connection:
        listen(connection.sync_connection, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
        await page_of(connection, person=MARIA, wanted=Wanted(start=NOW), after=None, limit=5, now=NOW)
        (statement,) = [one for one in asked if "appointments.holds_for IS NULL" in one]
        plan = await connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", (MARIA, MARIA, NOW.isoformat(), 6, 0)
        )
        steps = [str(row[-1]) for row in plan]
    assert any("ix_appointments_patient" in step for step in steps), steps
    assert any("ix_appointments_schedule" in step for step in steps), steps
    assert not any("holds" in step or step.startswith("SCAN") for step in steps), steps


async def test_it_can_be_narrowed(diary: Diary) -> None:
    """By time and state, on every page."""
    booked = [await diary.book(NINE + number * HOUR) for number in range(6)]
    for one in booked[::2]:
        await diary.cancel(one)
    held = [one.id for one in booked[1::2]]
    assert await walk(diary, MARIA, limit=1, statuses=("booked",)) == held
    assert await walk(diary, MARIA, limit=1, start=NINE + HOUR, end=NINE + 4 * HOUR) == [
        one.id for one in booked[1:4]
    ]


async def test_a_list_is_in_order_and_within_its_bounds(diary: Diary) -> None:
    """By start; from the first instant up to, not including, the last; states where named."""
    late = await diary.book(NINE + DAY)
    early = await diary.book(NINE, patient=PEDRO)
    await diary.cancel(late)
    assert await diary.ids(GARCIA) == [early.id, late.id]
    assert await diary.ids(GARCIA, statuses=["booked"]) == [early.id]
    assert await diary.ids(GARCIA, start=NINE, end=NINE + DAY) == [early.id]
    assert await diary.ids(MARIA) == [late.id]
    assert await diary.ids(LOPEZ) == []
