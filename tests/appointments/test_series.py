"""A series on both databases: all of it or nothing, at the same time of day."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from appointments.errors import SeriesTakenError
from appointments.series_services import book_series, occurrences
from appointments.storage.appointments import appointments
from tests.appointments.diary import DAY, GARCIA, MARIA, NINE, PEDRO, Diary, schedule, visit

WEEK = timedelta(weeks=1)


async def series(diary: Diary, *, count: int = 6, name: str = "s"):
    """Every Monday at nine."""
    async with diary.database.write() as connection:
        return await book_series(
            connection,
            series_id=name,
            professional=GARCIA,
            patient=MARIA,
            start=NINE,
            every_weeks=1,
            count=count,
            booked_by=MARIA,
            now=diary.now,
            record=diary.record,
        )


async def test_a_series_shows_one_time_of_day(diary: Diary) -> None:
    """At nine in Madrid before and after the clocks change; the same request again books nothing new."""
    await diary.put_schedule(schedule(visit_types=(visit(horizon=400 * 1440),)))
    booked = await series(diary, count=30)
    assert {one.start.astimezone(ZoneInfo("Europe/Madrid")).strftime("%a %H:%M") for one in booked} == {
        "Mon 09:00"
    }
    assert len({one.start.hour for one in booked}) == 2
    assert await series(diary, count=30) == booked
    assert diary.happened == 30 * ["booked"]


async def test_what_can_not_be_booked_is_named_and_nothing_is(diary: Diary) -> None:
    """A taken time, and one beyond the horizon."""
    await diary.put_schedule(schedule(visit_types=(visit(horizon=30 * 1440),)))
    await diary.book(NINE + 2 * WEEK, patient=PEDRO)
    with pytest.raises(SeriesTakenError) as refused:
        await series(diary)
    assert refused.value.conflicts == (NINE + 2 * WEEK, NINE + 5 * WEEK)
    async with diary.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(appointments)) == 1


async def test_one_occurrence_goes_its_own_way(diary: Diary) -> None:
    """Moved or cancelled, the others stay."""
    booked = await series(diary)
    await diary.cancel(booked[1])
    await diary.move(booked[2], booked[2].start + DAY)
    starts = [slot.start for slot in await diary.slots(limit=2000)]
    assert [one.start in starts for one in booked] == [False, True, True, False, False, False]


def test_every_other_week() -> None:
    """As often as asked for."""
    found = occurrences(start=NINE, zone="Europe/Madrid", every_weeks=2, count=3)
    assert found == [NINE, NINE + 2 * WEEK, NINE + 4 * WEEK]
