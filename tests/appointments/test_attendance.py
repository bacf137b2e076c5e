"""appointments/attendance_services.py on both databases: who came, was seen, or did not come."""

from typing import Any

import pytest

from appointments.attendance_services import attend
from appointments.booking import Appointment
from appointments.errors import (
    NoAppointmentError,
    NotTheProfessionalError,
    TooEarlyError,
    TooLateError,
    VersionChangedError,
    WrongStateError,
)
from appointments.services import end_care
from tests.appointments.diary import ANA, DAY, GARCIA, HOUR, LOPEZ, MARIA, MINUTE, NOW, PEDRO, Diary
from tests.appointments.waiting import offered, wait

NINE, MIDNIGHT = NOW + HOUR, NOW + DAY - 8 * HOUR  # in Madrid; it is 8:00


async def say(diary: Diary, known: Appointment, what: str, *, by: str | None = GARCIA, **more: Any):
    """The professional, unless somebody else, says what became of it."""
    async with diary.database.write() as connection:
        return await attend(
            connection,
            appointment_id=known.id,
            what=what,
            by=by,
            now=diary.now,
            record=diary.record,
            **more,
        )


async def test_she_came_and_was_seen(diary: Diary) -> None:
    """Each step once, however often it is said; calendars hear of nothing new."""
    booked = await diary.book(NINE)
    for what, status, version in (("arrive", "arrived", 2), ("fulfil", "fulfilled", 3)):
        for _ in range(2):
            one = await say(diary, booked, what)
            assert (one.status, one.version, one.sequence, one.start) == (status, version, 0, NINE)
    assert diary.happened == ["booked", "arrived", "fulfilled"]
    assert diary.facts[-1].by == GARCIA
    assert (await diary.slots(limit=1))[0].start == NINE + 20 * MINUTE


async def test_nobody_came(diary: Diary) -> None:
    """From the start on, not a second sooner; calendars take it out; the clinic itself may say it."""
    booked = await diary.book(NINE)
    diary.now = NINE - MINUTE / 60
    with pytest.raises(TooEarlyError):
        await say(diary, booked, "miss", by=None)
    diary.now = NINE
    missed = await say(diary, booked, "miss", by=None)
    assert (missed.status, missed.version, missed.sequence) == ("noshow", 2, 1)
    assert diary.facts[-1].by is None


async def test_she_arrives_on_the_day(diary: Diary) -> None:
    """As her professional's clock has it: who comes hours before may sit down, who comes the day before may not."""
    booked = await diary.book(NINE + DAY)
    diary.now = MIDNIGHT - MINUTE
    with pytest.raises(TooEarlyError):
        await say(diary, booked, "arrive")
    diary.now = MIDNIGHT
    assert (await say(diary, booked, "arrive")).status == "arrived"


async def test_every_other_order_is_refused(diary: Diary) -> None:
    """Nobody is seen who did not arrive, nobody missed who did; what is over stays as it is."""
    seen, missed, cancelled = [await diary.book(NINE + n * HOUR) for n in range(3)]
    await diary.cancel(cancelled)
    diary.now = NINE + 5 * HOUR
    with pytest.raises(WrongStateError):
        await say(diary, seen, "fulfil")
    await say(diary, seen, "arrive")
    await say(diary, missed, "miss")
    for one, words in ((seen, ["miss"]), (missed, ["arrive", "fulfil"]), (cancelled, ["arrive", "miss"])):
        for what in words:
            with pytest.raises(WrongStateError):
                await say(diary, one, what)
    for one in (seen, missed):
        with pytest.raises((WrongStateError, TooLateError)):
            await diary.move(one, NINE + DAY)


async def test_who_may_say_it(diary: Diary) -> None:
    """Her professional, also after care has ended; not the patient, and somebody else hears of nothing."""
    booked = await diary.book(NINE)
    with pytest.raises(NotTheProfessionalError):
        await say(diary, booked, "arrive", by=MARIA)
    for stranger in (PEDRO, LOPEZ):
        with pytest.raises(NoAppointmentError):
            await say(diary, booked, "arrive", by=stranger)
    with pytest.raises(VersionChangedError):
        await say(diary, booked, "arrive", version=7)
    async with diary.database.write() as connection:
        await end_care(connection, patient=MARIA, professional=GARCIA, now=diary.now)
    assert (await say(diary, booked, "arrive", version=1)).status == "arrived"


async def test_who_has_come_waits_for_nothing_earlier(diary: Diary) -> None:
    """What was kept for her goes to the next."""
    freed = await diary.book(NINE + HOUR, patient=ANA)
    marias, pedros = await diary.book(NINE + 3 * HOUR), await diary.book(NINE + DAY, patient=PEDRO)
    for one in (marias, pedros):
        await wait(diary, one)
    await diary.cancel(freed)
    assert await offered(diary, marias) == freed.start
    await say(diary, marias, "arrive")
    assert await offered(diary, marias) is None
    assert await offered(diary, pedros) == freed.start
    with pytest.raises(WrongStateError):
        await wait(diary, marias)
