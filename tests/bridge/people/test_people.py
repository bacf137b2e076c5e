"""bridge/people/people.py on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.sealing import Sealer
from bridge.errors import PersonNotFoundError
from bridge.people.people import (
    add,
    deactivate,
    get,
    is_managed,
    language_of,
    list_people,
    managed_among,
    names_of,
)
from bridge.storage.database import Database
from bridge.storage.people import people

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
LUCIA, JUAN, MARIA = "@portal_lucia:p", "@portal_juan:p", "@maria:p"


async def enter(database: Database, user_id=LUCIA, *, managed=True, name="Lucía Ruiz", now=NOW) -> None:
    """Enter a person, by default Lucía."""
    async with database.write() as connection:
        await add(
            connection,
            sealer=SEALER,
            user_id=user_id,
            managed=managed,
            display_name=name,
            language="es",
            timezone="Europe/Madrid",
            now=now,
        )


async def test_a_person_is_known_as_entered_and_the_name_is_sealed(database: Database) -> None:
    """What was entered comes back; the row does not hold the name."""
    await enter(database)
    async with database.read() as connection:
        person = await get(connection, sealer=SEALER, user_id=LUCIA)
        assert person is not None
        assert (person.display_name, person.managed, person.created_at) == ("Lucía Ruiz", True, NOW)
        sealed = (await connection.execute(select(people.c.display_name_sealed))).scalar_one()
        assert "Lucía".encode() not in sealed


async def test_entering_again_keeps_the_first_date(database: Database) -> None:
    """A second entry replaces what was said, not when the person came."""
    await enter(database)
    await enter(database, name=None, now=NOW + timedelta(days=1))
    async with database.read() as connection:
        person = await get(connection, sealer=SEALER, user_id=LUCIA)
        assert person is not None
        assert (person.display_name, person.created_at) == (None, NOW)


async def test_only_managed_active_people_can_be_acted_for(database: Database) -> None:
    """Neither unknown people, nor people with their own client, nor deactivated ones."""
    await enter(database)
    await enter(database, JUAN)
    await enter(database, MARIA, managed=False)
    async with database.write() as connection:
        await deactivate(connection, user_id=JUAN, now=NOW)
        await deactivate(connection, user_id=JUAN, now=NOW + timedelta(days=1))
    async with database.read() as connection:
        seen = [await is_managed(connection, user) for user in (LUCIA, JUAN, MARIA, "@nobody:p")]
        assert seen == [True, False, False, False]
        assert await managed_among(connection, [MARIA, JUAN, LUCIA]) == [LUCIA]
        assert await managed_among(connection, []) == []
        juan = await get(connection, sealer=SEALER, user_id=JUAN)
        assert juan is not None
        assert juan.deactivated_at == NOW


async def test_someone_deactivated_can_come_back(database: Database) -> None:
    """Entering a deactivated person makes them active."""
    await enter(database)
    async with database.write() as connection:
        await deactivate(connection, user_id=LUCIA, now=NOW)
    await enter(database)
    async with database.read() as connection:
        assert await is_managed(connection, LUCIA)


async def test_deactivating_an_unknown_person_is_an_error(database: Database) -> None:
    """A typo does not look like success."""
    async with database.write() as connection:
        with pytest.raises(PersonNotFoundError):
            await deactivate(connection, user_id="@nobody:p", now=NOW)


async def test_everyone_is_listed_in_order(database: Database) -> None:
    """By user id, managed or not."""
    await enter(database, MARIA, managed=False)
    await enter(database, LUCIA)
    async with database.read() as connection:
        assert [one.user_id for one in await list_people(connection, sealer=SEALER)] == [MARIA, LUCIA]


async def test_names_and_languages_of_those_we_know(database: Database) -> None:
    """Nothing is made up about somebody whom nobody entered, or whose name nobody told."""
    await enter(database)
    await enter(database, JUAN, name=None)
    async with database.read() as connection:
        assert await names_of(connection, [LUCIA, JUAN, MARIA], sealer=SEALER) == {LUCIA: "Lucía Ruiz"}
        assert await language_of(connection, LUCIA) == "es"
        assert await language_of(connection, MARIA) is None
