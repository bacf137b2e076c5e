"""bridge/people/care.py on both databases: sealed reasons, facts, allowed servers."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.sealing import Sealer
from appointments.storage.care import care_relationships
from bridge.errors import NotAPersonError, ServerNotAllowedError
from bridge.people.care import end_care, reason_of, start_care
from bridge.storage.database import Database
from tests.bridge.facts import recorded

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
MARIA, GARCIA, BOT = "@maria:p", "@garcia:h", "@asistente:p"


async def start(database: Database, *, reason: str | None = None, now=NOW, professional=GARCIA) -> None:
    """Enter care of María."""
    async with database.write() as connection:
        await start_care(
            connection,
            sealer=SEALER,
            servers={"p", "h"},
            bots={BOT},
            patient=MARIA,
            professional=professional,
            role="gp",
            starts=now,
            ends=None,
            reason=reason,
            now=now,
        )


async def test_a_reason_is_sealed_and_can_be_read_again(database: Database) -> None:
    """The row does not hold the words; with the key they come back."""
    await start(database, reason="dolor de cabeza")
    async with database.read() as connection:
        stored = (await connection.execute(select(care_relationships.c.reason_sealed))).scalar_one()
        assert b"dolor" not in stored
        said = await reason_of(connection, sealer=SEALER, patient=MARIA, professional=GARCIA)
        assert said == "dolor de cabeza"


async def test_without_a_reason_there_is_none(database: Database) -> None:
    """A relationship may have no reason, and an unknown one has none."""
    await start(database)
    async with database.read() as connection:
        assert await reason_of(connection, sealer=SEALER, patient=MARIA, professional=GARCIA) is None
        assert await reason_of(connection, sealer=SEALER, patient=GARCIA, professional=MARIA) is None


async def test_what_happens_is_a_fact(database: Database) -> None:
    """Starting, changing and ending are recorded, with ids of people and nothing that was said."""
    await start(database, reason="migraña")
    await start(database, reason="migraña", now=NOW + timedelta(seconds=1))
    async with database.write() as connection:
        await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW + timedelta(seconds=2))
    people = {"patient": MARIA, "professional": GARCIA}
    assert await recorded(database) == [
        ("care.started", people),
        ("care.changed", people),
        ("care.ended", people),
    ]


async def test_nothing_ended_is_no_fact(database: Database) -> None:
    """A repeated end announces nothing."""
    async with database.write() as connection:
        assert await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW) is None
    assert await recorded(database) == []


async def test_people_of_other_servers_are_refused(database: Database) -> None:
    """Only allowed servers' people get into a care relationship; the error says who."""
    with pytest.raises(ServerNotAllowedError) as refused:
        await start(database, professional="@x:elsewhere:8448")
    assert (refused.value.who, refused.value.server) == ("professional", "elsewhere:8448")
    assert await recorded(database) == []


async def test_bots_are_in_nobodys_care(database: Database) -> None:
    """A patient who wrote to one in a consult room would never be read."""
    with pytest.raises(NotAPersonError) as refused:
        await start(database, professional=BOT)
    assert refused.value.who == "professional"
    assert await recorded(database) == []
