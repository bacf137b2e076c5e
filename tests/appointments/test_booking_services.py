"""appointments/booking_services.py on both databases: book, move, cancel, see."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.errors import (
    NotOfferedError,
    SlotTakenError,
    TooLateError,
    UnknownVisitTypeError,
    VersionChangedError,
    WrongStateError,
)
from appointments.schedules import Schedule
from appointments.storage import appointments as table
from bridge.storage.database import Database
from tests.appointments.diary import (
    DAY,
    HOUR,
    LOPEZ,
    MINUTE,
    NINE,
    NOW,
    PEDRO,
    Diary,
    open_diary,
    schedule,
    visit,
)

TWENTY = 20 * MINUTE


async def test_a_booked_slot_is_offered_no_more(diary: Diary) -> None:
    """It is the patient's and the professional's, in the zone of the professional, and a fact."""
    assert (await diary.slots(limit=1))[0].start == NINE
    booked = await diary.book(NINE)
    assert (booked.status, booked.version, booked.sequence) == ("booked", 1, 0)
    assert (booked.start, booked.end, booked.zone) == (NINE, NINE + TWENTY, "Europe/Madrid")
    assert (await diary.slots(limit=1))[0].start == NINE + TWENTY
    assert diary.happened == ["booked"]
    for start in (NINE, NINE + MINUTE, NINE - MINUTE):
        with pytest.raises(SlotTakenError):
            await diary.book(start, patient=PEDRO)
    assert diary.happened == ["booked"]


async def test_the_same_booking_again_is_the_same(diary: Diary) -> None:
    """Whoever got no answer asks again with the same id: one appointment, one fact."""
    first = await diary.book(NINE, name="once")
    assert await diary.book(NINE, name="once") == first
    assert diary.happened == ["booked"]


async def test_slots_are_found_across_weeks(diary: Diary) -> None:
    """In order, at most so many, within the bounds asked for and the horizon; none without a schedule."""
    everything = await diary.slots(limit=10_000)
    assert len(everything) > 24 * 60
    assert everything == sorted(everything, key=lambda slot: slot.start)
    assert everything[-1].start < NOW + 90 * DAY
    assert await diary.slots(limit=30) == everything[:30]
    some = await diary.slots(start=NINE + TWENTY, end=NINE + HOUR)
    assert [slot.start for slot in some] == [NINE + TWENTY, NINE + 2 * TWENTY]
    assert await diary.slots(end=NOW) == await diary.slots(professional=LOPEZ) == []
    with pytest.raises(UnknownVisitTypeError) as refused:
        await diary.slots(visit_type="surgery")
    assert refused.value.known == ("visit",)


async def test_kinds_of_visits_share_one_diary(diary: Diary) -> None:
    """A long visit takes the time of short ones, and buffers keep their distance."""
    long = visit("long", minutes=60, buffer_after=10)
    await diary.put_schedule(schedule(visit_types=(visit(), long)))
    booked = await diary.book(NINE, visit_type="long")
    assert booked.end == NINE + HOUR
    assert (await diary.slots(limit=1))[0].start == NINE + 4 * TWENTY
    with pytest.raises(SlotTakenError):
        await diary.book(NINE + 3 * TWENTY, patient=PEDRO)
    assert (await diary.slots(visit_type="long", limit=1))[0].start == NINE + 70 * MINUTE


async def test_a_move_is_one_appointment_at_another_time(diary: Diary) -> None:
    """The old time is free again; calendars hear of it; to the time it has, nothing happens."""
    booked = await diary.book(NINE)
    moved = await diary.move(booked, NINE + HOUR)
    assert (moved.id, moved.start, moved.version, moved.sequence) == (booked.id, NINE + HOUR, 2, 1)
    assert await diary.move(moved, NINE + HOUR) == moved
    assert diary.happened == ["booked", "moved"]
    assert (await diary.slots(limit=1))[0].start == NINE


async def test_a_move_may_overlap_the_time_it_leaves(diary: Diary) -> None:
    """With buffers the next slot can be within reach of one's own."""
    short = visit(minutes=20, buffer_before=15)
    await diary.put_schedule(schedule(visit_types=(short,)))
    booked = await diary.book(NINE)
    await diary.put_schedule(schedule(visit_types=(visit(minutes=10, buffer_before=15),)))
    moved = await diary.move(booked, NINE + 25 * MINUTE)
    assert (moved.start, moved.end) == (NINE + 25 * MINUTE, NINE + 35 * MINUTE)


async def test_a_taken_time_is_no_place_to_move_to(diary: Diary) -> None:
    """Both stay where they were."""
    booked, other = await diary.book(NINE), await diary.book(NINE + HOUR, patient=PEDRO)
    with pytest.raises(SlotTakenError):
        await diary.move(booked, other.start)
    with pytest.raises(NotOfferedError):
        await diary.move(booked, NINE + 12 * HOUR)
    async with diary.database.read() as connection:
        assert await table.find(connection, booked.id) == booked


async def test_a_cancelled_time_is_free_again(diary: Diary) -> None:
    """Cancelling may be repeated, and nothing else can be done then."""
    booked = await diary.book(NINE)
    cancelled = await diary.cancel(booked)
    assert (cancelled.status, cancelled.version, cancelled.sequence) == ("cancelled", 2, 1)
    assert await diary.cancel(booked) == cancelled
    assert diary.happened == ["booked", "cancelled"]
    with pytest.raises(WrongStateError):
        await diary.move(booked, NINE + HOUR)
    assert (await diary.book(NINE, patient=PEDRO)).status == "booked"


async def test_its_time_has_come(diary: Diary) -> None:
    """What has begun is not moved, what is over not cancelled."""
    booked = await diary.book(NINE)
    diary.now = NINE
    with pytest.raises(TooLateError):
        await diary.move(booked, NINE + HOUR)
    diary.now = NINE + TWENTY
    with pytest.raises(TooLateError):
        await diary.cancel(booked)


async def test_who_knows_an_old_version_changes_nothing(diary: Diary) -> None:
    """Neither by a move nor by a cancellation."""
    booked = await diary.book(NINE)
    moved = await diary.move(booked, NINE + HOUR, version=1)
    for attempt in (diary.move(booked, NINE, version=1), diary.cancel(booked, version=1)):
        with pytest.raises(VersionChangedError):
            await attempt
    assert (await diary.cancel(booked, version=moved.version)).status == "cancelled"


OFFSETS = st.lists(st.tuples(st.sampled_from("bmc"), st.integers(0, 9), st.integers(0, 9)), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=OFFSETS, made=st.sampled_from([schedule(), schedule(visit_types=(visit(buffer_after=7),))]))
async def test_moving_is_cancelling_and_booking(new_sqlite, steps, made: Schedule) -> None:
    """Two diaries, in one moves, in the other a cancellation and a booking each: the same times stay free."""
    diaries = []
    for _ in range(2):
        database = Database(new_sqlite())
        await database.open()
        diaries.append(await open_diary(database))
        await diaries[-1].put_schedule(made)
    frees = [await replay(diary, steps, moves=diary is diaries[0]) for diary in diaries]
    assert frees[0] == frees[1]
    for diary in diaries:
        await diary.database.close()


async def replay(diary: Diary, steps, *, moves: bool) -> list[datetime]:
    """Book, move, cancel as the steps say; what is free afterwards. Any offered slot can be booked."""
    booked = []
    for number, (what, which, to) in enumerate(steps):
        slot = (await diary.slots(limit=10))[to]
        if what == "b" or not booked:
            booked.append(await diary.book(slot.start, name=str(number)))
        elif what == "c":
            await diary.cancel(booked.pop(which % len(booked)))
        else:
            known = booked.pop(which % len(booked))
            if moves:
                booked.append(await diary.move(known, slot.start))
            else:
                await diary.cancel(known)
                booked.append(await diary.book(slot.start, name=str(number)))
    return [slot.start for slot in await diary.slots(limit=40)]
