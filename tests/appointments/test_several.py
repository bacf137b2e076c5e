"""appointments/several.py on both databases: the next slots of several are those of each, merged."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appointments.errors import UnknownVisitTypeError
from appointments.several import next_of_several
from tests.appointments.diary import (
    ANA,
    DAY,
    GARCIA,
    HOUR,
    LOPEZ,
    MARIA,
    MINUTE,
    NINE,
    NOW,
    PEDRO,
    Diary,
    schedule,
    visit,
)


async def several(diary: Diary, **asked: Any) -> list[tuple[str, datetime, str]]:
    """With whom, when, and which kind of visit; ANA and PEDRO never have a schedule."""
    asked = {"professionals": [GARCIA, LOPEZ, PEDRO, ANA], "now": diary.now, "limit": 50, **asked}
    async with diary.database.read() as connection:
        found = await next_of_several(connection, **asked)
    return [(one.professional, one.slot.start, one.slot.visit_type) for one in found]


async def open_two(diary: Diary) -> None:
    """López works as García does, in visits of half an hour, after a fortnight off; a long kind of visit, too."""
    kinds = (visit("check", minutes=30, buffer_after=10), visit("first", minutes=90))
    off = {(NOW + timedelta(days=day)).date(): () for day in range(1, 14)}
    await diary.put_schedule(schedule(visit_types=kinds, exceptions=off), professional=LOPEZ)
    await diary.start_care(MARIA, professional=LOPEZ)


async def test_they_are_those_of_each_in_order(diary: Diary) -> None:
    """Whatever is booked, and wherever the span begins and ends."""
    await open_two(diary)
    for number in (0, 1, 5, 20):
        await diary.book(NINE + number * 20 * MINUTE)
    await diary.book(NINE, professional=LOPEZ, name="with-lopez")
    for asked in (
        {"limit": 1},
        {"limit": 7},
        {"limit": 500},
        {"start": NINE + 3 * HOUR, "limit": 30},
        {"start": NINE + 10 * DAY, "end": NINE + 20 * DAY, "limit": 400},
        {"end": NINE, "limit": 9},
    ):
        each = []
        for one in (GARCIA, LOPEZ):
            slots = await diary.slots(professional=one, **{**asked, "limit": 1000})
            each += [(slot.start, one, slot.visit_type) for slot in slots]
        expected = [(who, at, kind) for at, who, kind in sorted(each)][: asked["limit"]]
        assert await several(diary, **asked) == expected, asked


async def test_who_has_no_such_visits_offers_none(diary: Diary) -> None:
    """Nor does anybody without a schedule. Where nobody has them, the caller is told which ones there are."""
    await open_two(diary)
    assert {who for who, _, _ in await several(diary, visit_type="first")} == {LOPEZ}
    with pytest.raises(UnknownVisitTypeError) as refused:
        await several(diary, visit_type="surgery")
    assert set(refused.value.known) == {"check", "first", "visit"}
    assert await several(diary, professionals=[PEDRO]) == []
    assert await several(diary, professionals=[]) == []
