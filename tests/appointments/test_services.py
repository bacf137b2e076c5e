"""appointments/services.py on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from appointments.access import require_speaker, standings_of
from appointments.errors import EmptyCarePeriodError, NotInCareTeamError
from appointments.events import CareChanged, CareEnded, CareStarted
from appointments.services import end_care, list_care
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARIA, PEDRO, GARCIA, LOPEZ = "@maria:p", "@pedro:p", "@garcia:h", "@lopez:h"


async def start(database: Database, *, patient=MARIA, professional=GARCIA, starts=NOW, ends=None, now=NOW):
    """Enter care, by default of María by García."""
    async with database.write() as connection:
        return await enter_care(connection, patient, professional, now=now, starts=starts, ends=ends)


async def end(database: Database, *, now: datetime) -> CareEnded | None:
    """End that care."""
    async with database.write() as connection:
        return await end_care(connection, patient=MARIA, professional=GARCIA, now=now)


async def is_allowed(database: Database, a: str, b: str, now: datetime) -> bool:
    """Whether these two may consult at this instant."""
    async with database.read() as connection:
        try:
            await require_speaker(connection, sender=a, other=b, now=now)
        except NotInCareTeamError:
            return False
    return True


async def test_care_binds_both_and_nobody_else(database: Database) -> None:
    """Either of the two may be asked about first; other pairs have no care."""
    assert isinstance(await start(database), CareStarted)
    assert await is_allowed(database, MARIA, GARCIA, NOW)
    assert await is_allowed(database, GARCIA, MARIA, NOW)
    assert not await is_allowed(database, MARIA, LOPEZ, NOW)
    assert not await is_allowed(database, PEDRO, GARCIA, NOW)


async def test_the_period_decides(database: Database) -> None:
    """Care holds from its start on, and no longer at its end."""
    await start(database, starts=NOW, ends=NOW + HOUR)
    seen = [
        await is_allowed(database, MARIA, GARCIA, NOW + shift)
        for shift in (-timedelta(microseconds=1), 0 * HOUR, HOUR - timedelta(microseconds=1), HOUR)
    ]
    assert seen == [False, True, True, False]


async def test_entering_care_again_replaces_it(database: Database) -> None:
    """The second entry is a change, and what it says holds."""
    await start(database)
    changed = await start(database, ends=NOW + HOUR)
    assert isinstance(changed, CareChanged)
    async with database.read() as connection:
        assert await list_care(connection) == [changed.care]


async def test_ending_care_may_be_repeated(database: Database) -> None:
    """The first end counts; the second finds nothing to end and changes nothing."""
    await start(database)
    ended = await end(database, now=NOW + HOUR)
    assert ended is not None
    assert ended.care.ends == NOW + HOUR
    assert await end(database, now=NOW + 2 * HOUR) is None
    async with database.read() as connection:
        assert [care.ends for care in await list_care(connection)] == [NOW + HOUR]


async def test_care_that_never_was_ends_quietly(database: Database) -> None:
    """There is nothing to end, and that is no error."""
    assert await end(database, now=NOW) is None


async def test_care_to_come_can_be_ended_before_it_starts(database: Database) -> None:
    """Then it never becomes active."""
    await start(database, starts=NOW + HOUR)
    assert await end(database, now=NOW) is not None
    assert not await is_allowed(database, MARIA, GARCIA, NOW + 2 * HOUR)


async def test_ended_care_can_begin_anew(database: Database) -> None:
    """Entering it again makes it active again."""
    await start(database)
    await end(database, now=NOW + HOUR)
    await start(database, starts=NOW + 2 * HOUR, now=NOW + 2 * HOUR)
    assert await is_allowed(database, MARIA, GARCIA, NOW + 3 * HOUR)


async def test_an_empty_period_changes_nothing(database: Database) -> None:
    """A refused entry leaves no row."""
    with pytest.raises(EmptyCarePeriodError):
        await start(database, ends=NOW)
    async with database.read() as connection:
        assert await list_care(connection) == []


async def test_a_persons_care_is_found_from_both_sides(database: Database) -> None:
    """As patient and as professional, ended or not; lists can be narrowed."""
    await start(database, patient=MARIA)
    await start(database, patient=PEDRO)
    await start(database, patient=PEDRO, professional=LOPEZ)
    async with database.read() as connection:
        assert [one.care.patient for one in await standings_of(connection, GARCIA, now=NOW)] == [MARIA, PEDRO]
        assert [one.care.professional for one in await standings_of(connection, PEDRO, now=NOW)] == [
            GARCIA,
            LOPEZ,
        ]
        assert len(await list_care(connection, patient=PEDRO, professional=GARCIA)) == 1
        assert len(await list_care(connection)) == 3
