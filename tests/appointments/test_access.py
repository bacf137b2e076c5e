"""appointments/access.py on both databases: who may speak, who takes part, who is what."""

from datetime import UTC, datetime, timedelta

import pytest

from appointments.access import (
    parties_of,
    require_party,
    require_speaker,
    roles_of,
    standings_of,
    whom_can_consult,
)
from appointments.errors import AmbiguousPatientError, NotAPartyError, NotInCareTeamError
from appointments.representation import Scope
from appointments.services import (
    depart,
    end_care,
    end_representation,
    list_representations,
)
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care, enter_representation

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MARIA, PEDRO, MADRE = "@maria:p", "@pedro:p", "@madre:p"
GARCIA, LOPEZ = "@garcia:h", "@lopez:h"


async def cares(
    database: Database,
    patient: str,
    professional: str,
    *,
    starts: datetime = NOW,
    ends: datetime | None = None,
    now: datetime = NOW,
) -> None:
    """Enter care."""
    async with database.write() as connection:
        await enter_care(connection, patient, professional, now=now, starts=starts, ends=ends)


async def acts(
    database: Database,
    representative: str,
    patient: str,
    *,
    scopes: tuple[Scope, ...] = ("messages",),
    starts: datetime = NOW,
    ends: datetime | None = None,
) -> None:
    """Enter a representation."""
    async with database.write() as connection:
        await enter_representation(
            connection, patient, representative, *scopes, now=NOW, starts=starts, ends=ends
        )


async def speaks(database: Database, sender: str, other: str, **more: object) -> tuple[str, str]:
    """The patient and the professional of the care in which `sender` may write to `other`."""
    async with database.read() as connection:
        care = await require_speaker(connection, sender=sender, other=other, **{"now": NOW, **more})
    return care.patient, care.professional


async def test_either_side_and_a_representative_speak(database: Database) -> None:
    """All three in the same care relationship."""
    await cares(database, MARIA, GARCIA)
    await acts(database, MADRE, MARIA)
    for sender, other in ((MARIA, GARCIA), (GARCIA, MARIA), (MADRE, GARCIA)):
        assert await speaks(database, sender, other) == (MARIA, GARCIA)


async def test_nobody_else_speaks(database: Database) -> None:
    """Strangers, before and after the period, other scopes, ended representation, the wrong person: one refusal."""
    await cares(database, MARIA, GARCIA, starts=NOW, ends=NOW + HOUR)
    await acts(database, MADRE, MARIA, ends=NOW + HOUR)
    await acts(database, PEDRO, MARIA, scopes=("video", "appointments"))
    for sender, other, now in (
        (PEDRO, GARCIA, NOW),
        (MARIA, LOPEZ, NOW),
        (MARIA, MADRE, NOW),
        (MADRE, MARIA, NOW),
        (GARCIA, MADRE, NOW),
        (MARIA, "@nobody:h", NOW),
        (MARIA, GARCIA, NOW - HOUR),
        (MARIA, GARCIA, NOW + HOUR),
        (MADRE, GARCIA, NOW + HOUR),
    ):
        with pytest.raises(NotInCareTeamError):
            await speaks(database, sender, other, now=now)
    with pytest.raises(NotInCareTeamError):
        await speaks(database, MADRE, GARCIA, on_behalf_of=PEDRO)


async def test_a_representative_of_several_says_for_whom(database: Database) -> None:
    """What concerns herself comes first; else she names the patient."""
    for patient in (MARIA, PEDRO):
        await cares(database, patient, GARCIA)
        await acts(database, MADRE, patient)
    with pytest.raises(AmbiguousPatientError):
        await speaks(database, MADRE, GARCIA)
    assert await speaks(database, MADRE, GARCIA, on_behalf_of=PEDRO) == (PEDRO, GARCIA)
    await cares(database, MADRE, GARCIA)
    assert await speaks(database, MADRE, GARCIA) == (MADRE, GARCIA)
    assert await speaks(database, MADRE, GARCIA, on_behalf_of=MARIA) == (MARIA, GARCIA)


async def test_whom_one_can_consult(database: Database) -> None:
    """The other person, the care, and on whose behalf; only where care and representation hold now."""
    await cares(database, MARIA, GARCIA)
    await cares(database, MARIA, LOPEZ, starts=NOW + HOUR)
    await cares(database, MADRE, GARCIA)
    await acts(database, MADRE, MARIA)

    async def consultable(person: str, now: datetime = NOW) -> list[tuple[str, str, str | None]]:
        async with database.read() as connection:
            found = await whom_can_consult(connection, person, now)
        return [(other, care.patient, behalf) for other, care, behalf in found]

    assert await consultable(MARIA) == [(GARCIA, MARIA, None)]
    assert await consultable(GARCIA) == [(MADRE, MADRE, None), (MARIA, MARIA, None)]
    assert await consultable(MADRE) == [(GARCIA, MADRE, None), (GARCIA, MARIA, MARIA)]
    assert len(await consultable(MADRE, NOW + HOUR)) == 3
    assert await consultable(PEDRO) == []


async def test_roles(database: Database) -> None:
    """Of those who are in care or represent somebody now, whatever the scope."""
    await cares(database, MARIA, GARCIA, ends=NOW + HOUR)
    await cares(database, GARCIA, LOPEZ)
    await acts(database, MADRE, MARIA, scopes=("video",), ends=NOW + HOUR)

    async def roles(person: str, now: datetime = NOW) -> frozenset[str]:
        async with database.read() as connection:
            return await roles_of(connection, person, now)

    assert await roles(MARIA) == {"patient"}
    assert await roles(GARCIA) == {"patient", "professional"}
    assert await roles(GARCIA, NOW + HOUR) == {"patient"}
    assert await roles(MADRE) == {"representative"}
    assert await roles(MADRE, NOW + HOUR) == frozenset()
    assert await roles(PEDRO) == frozenset()


async def test_parties(database: Database) -> None:
    """Members, former ones, whether it is open, and when that may change by itself."""
    await cares(database, MARIA, GARCIA, ends=NOW + 3 * HOUR)
    await acts(database, MADRE, MARIA, ends=NOW + HOUR)
    await acts(database, PEDRO, MARIA, starts=NOW + 2 * HOUR)

    async def parties(hours: int) -> tuple[set[str], set[str], bool, datetime | None]:
        now = NOW + hours * HOUR
        async with database.read() as connection:
            found = await parties_of(connection, patient=MARIA, professional=GARCIA, now=now)
        return set(found.members), set(found.former), found.is_open, found.until

    assert await parties(0) == ({MARIA, GARCIA, MADRE}, {PEDRO}, True, NOW + HOUR)
    assert await parties(1) == ({MARIA, GARCIA}, {MADRE, PEDRO}, True, NOW + 2 * HOUR)
    assert await parties(2) == ({MARIA, GARCIA, PEDRO}, {MADRE}, True, NOW + 3 * HOUR)
    assert await parties(3) == ({MARIA, GARCIA, PEDRO}, {MADRE}, False, None)


async def refusal(
    database: Database, person: str, action: str, *, now: datetime = NOW
) -> type[Exception] | None:
    """How this person is refused in María's conversation with García, if at all."""
    try:
        async with database.read() as connection:
            await require_party(
                connection, person=person, patient=MARIA, professional=GARCIA, action=action, now=now
            )
    except (NotAPartyError, NotInCareTeamError) as error:
        return type(error)
    return None


async def test_an_ended_conversation_is_read_and_not_written_in(database: Database) -> None:
    """By its parties; others learn nothing, before and after."""
    await cares(database, MARIA, GARCIA, ends=NOW + HOUR)
    await acts(database, MADRE, MARIA)
    for person in (MARIA, GARCIA, MADRE):
        assert await refusal(database, person, "send") is None
        assert await refusal(database, person, "read", now=NOW + HOUR) is None
        assert await refusal(database, person, "send", now=NOW + HOUR) is NotInCareTeamError
    for action in ("send", "read", "list", "receipt"):
        assert await refusal(database, PEDRO, action) is NotAPartyError
    async with database.write() as connection:
        assert await end_representation(connection, patient=MARIA, representative=MADRE, now=NOW) is not None
        assert await end_representation(connection, patient=MARIA, representative=MADRE, now=NOW) is None
    assert await refusal(database, MADRE, "read") is NotAPartyError


async def test_care_the_other_way_round_is_another_conversation(database: Database) -> None:
    """María's care of García says nothing about García's of María."""
    await cares(database, GARCIA, MARIA)
    assert await refusal(database, MARIA, "send") is NotAPartyError
    assert await speaks(database, MARIA, GARCIA) == (GARCIA, MARIA)


async def test_a_professional_who_left_is_out_of_everything(database: Database) -> None:
    """Care that had ended before too, and as representative; as a patient she stays. It may be repeated."""
    await cares(database, MARIA, GARCIA)
    await cares(database, PEDRO, GARCIA, starts=NOW - HOUR, ends=NOW)
    await cares(database, GARCIA, LOPEZ)
    await acts(database, GARCIA, PEDRO)
    async with database.write() as connection:
        departed = await depart(connection, professional=GARCIA, now=NOW + HOUR)
        again = await depart(connection, professional=GARCIA, now=NOW + 2 * HOUR)
    assert [one.care.patient for one in departed.care] == [MARIA]
    assert [one.representation.patient for one in departed.representations] == [PEDRO]
    assert (again.care, again.representations) == ((), ())
    later = NOW + 3 * HOUR
    assert await refusal(database, GARCIA, "read", now=later) is NotAPartyError
    assert await refusal(database, MARIA, "read", now=later) is None
    assert await speaks(database, GARCIA, LOPEZ, now=later) == (GARCIA, LOPEZ)
    async with database.read() as connection:
        found = await parties_of(connection, patient=PEDRO, professional=GARCIA, now=later)
        assert [one.ends for one in await list_representations(connection, patient=PEDRO)] == [NOW + HOUR]
        mine = [one for one in await standings_of(connection, GARCIA, now=later) if one.may("list")]
    assert (set(found.members), set(found.former)) == ({PEDRO}, {GARCIA})
    assert [one.care.patient for one in mine] == [GARCIA]


async def test_who_comes_back_is_back_for_that_care_only(database: Database) -> None:
    """Care entered after the departure holds; what was closed by it stays closed."""
    await cares(database, MARIA, GARCIA)
    await cares(database, PEDRO, GARCIA)
    async with database.write() as connection:
        await depart(connection, professional=GARCIA, now=NOW + HOUR)
    later = NOW + 2 * HOUR
    await cares(database, MARIA, GARCIA, now=later)
    assert await refusal(database, GARCIA, "send", now=later) is None
    async with database.write() as connection:
        found = await parties_of(connection, patient=PEDRO, professional=GARCIA, now=later)
        await end_care(connection, patient=MARIA, professional=GARCIA, now=later + HOUR)
    assert GARCIA in found.former
    assert await refusal(database, GARCIA, "read", now=later + HOUR) is None
