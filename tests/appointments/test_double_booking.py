"""One time is booked once: the database itself refuses the second booking, whoever writes and from wherever."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from appointments.booking import STATUSES, Appointment
from appointments.errors import SlotTakenError, VersionChangedError
from appointments.storage import appointments as table
from appointments.storage import schedules
from bridge.storage.database import Database
from bridge.storage.facts import facts
from tests.appointments.diary import GARCIA, LOPEZ, MINUTE, NINE, NOW, Diary, visit

ROOT = Path(__file__).parents[2]
KIND = visit(minutes=20, buffer_before=5, buffer_after=10)


async def write(
    diary: Diary, name: str, shift: timedelta, *, who: str = GARCIA, **more: object
) -> Appointment:
    """Straight into the table, past every check of ours."""
    start = NINE + shift
    async with diary.database.write() as connection:
        stored = await schedules.find(connection, who)
        assert stored is not None
        one = Appointment(
            id=name,
            patient="@maria:p",
            professional=who,
            visit_type=KIND.name,
            start=start,
            end=start + KIND.length,
            blocked=KIND.blocked(start),
            zone="Europe/Madrid",
            **{"status": "booked", "version": 1, "sequence": 0, "booked_by": who, "updated_at": NOW, **more},
        )
        await table.store_new(connection, one, schedule_id=stored.id, reason_sealed=None, now=NOW)
    return one


@pytest.mark.parametrize("minutes", [-34, -20, 0, 1, 34])
async def test_the_database_refuses_what_overlaps(diary: Diary, minutes: int) -> None:
    """The buffers count."""
    await write(diary, "first", 0 * MINUTE)
    with pytest.raises(SlotTakenError):
        await write(diary, "second", minutes * MINUTE)


@pytest.mark.parametrize("minutes", [-35, 35, 60])
async def test_what_only_touches_is_no_overlap(diary: Diary, minutes: int) -> None:
    """Bounds are half-open."""
    await write(diary, "first", 0 * MINUTE)
    await write(diary, "second", minutes * MINUTE)
    assert sorted(await diary.ids(GARCIA)) == ["first", "second"]


async def test_others_have_their_own_time(diary: Diary) -> None:
    """Another professional can be booked at the same time."""
    await diary.put_schedule(professional=LOPEZ)
    await write(diary, "first", 0 * MINUTE)
    await write(diary, "second", 0 * MINUTE, who=LOPEZ)
    async with diary.database.read() as connection:
        both = [await table.find(connection, name) for name in ("first", "second")]
    assert [(one.professional, one.start) for one in both] == [(GARCIA, NINE), (LOPEZ, NINE)]


@pytest.mark.parametrize("status", STATUSES)
async def test_which_states_hold_their_time(diary: Diary, status: str) -> None:
    """All but cancelled and noshow, also when a row is changed afterwards."""
    await write(diary, "first", 0 * MINUTE, status=status)
    if status in ("cancelled", "noshow"):
        await write(diary, "second", 0 * MINUTE)
        return
    with pytest.raises(SlotTakenError):
        await write(diary, "second", 0 * MINUTE)
    await write(diary, "third", 0 * MINUTE, status="cancelled")


async def test_a_change_is_refused_like_an_insertion(diary: Diary) -> None:
    """Neither a move onto another one nor a state that takes its time back; an old version replaces nothing."""
    await write(diary, "first", 0 * MINUTE)
    second = await write(diary, "second", 60 * MINUTE)
    gone = await write(diary, "gone", 0 * MINUTE, status="cancelled")
    onto = replace(second, start=NINE, end=NINE + KIND.length, blocked=KIND.blocked(NINE), version=2)
    for wrong, refusal in (
        (onto, SlotTakenError),
        (replace(gone, status="booked", version=2), SlotTakenError),
        (replace(second, version=3), VersionChangedError),
    ):
        with pytest.raises(refusal):
            async with diary.database.write() as connection:
                await table.store_changed(connection, wrong)


async def rush(database: Database, *, processes: int, each: int) -> Counter[str]:
    """So many processes that book the same time at once, so often each."""
    command = [sys.executable, "-m", "tests.appointments.rush", database._url, NINE.isoformat(), str(each)]
    pipe = asyncio.subprocess.PIPE
    running = [
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    counted: Counter[str] = Counter()
    for said, _ in await asyncio.gather(*(process.communicate(b"go\n") for process in running)):
        counted.update(json.loads(said))
    return counted


async def test_two_hundred_at_once_from_four_processes(diary: Diary) -> None:
    """One is booked, 199 are told that it is taken, nothing else happens; one fact."""
    counted = await rush(diary.database, processes=4, each=50)
    assert counted == {"booked": 1, "taken": 199}
    async with diary.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(table.appointments)) == 1
        assert await connection.scalar(select(func.count()).select_from(facts)) == 1
