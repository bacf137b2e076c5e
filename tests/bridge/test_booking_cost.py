"""What a booking asks of the database: on PostgreSQL each statement is a round trip."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from appointments.errors import NotInCareTeamError, NotOfferedError
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.database import Database
from tests.appointments.diary import ANA, HOUR, LOPEZ, MARIA, NOW, open_diary

NINE = NOW + HOUR


@contextmanager
def statements() -> Iterator[list[str]]:
    """Those that are executed meanwhile, but for the beginnings of transactions."""
    found: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def test_a_booking_is_three_round_trips(database: Database) -> None:
    """What it must know, the appointment, its fact: what is said of it to whom follows from the fact."""
    diary = await open_diary(database)
    diary.record = record_appointment
    with statements() as asked:
        await diary.book(NINE)
    assert [statement.split()[0] for statement in asked] == ["SELECT", "INSERT", "INSERT"]


async def test_without_a_schedule_permission_still_comes_first(database: Database) -> None:
    """Who is in care hears that nothing is offered, and who is not, that she is not in care."""
    diary = await open_diary(database)
    await diary.start_care(MARIA, professional=LOPEZ)
    with pytest.raises(NotOfferedError):
        await diary.book(NINE, professional=LOPEZ)
    with pytest.raises(NotInCareTeamError):
        await diary.book(NINE, professional=LOPEZ, patient=ANA)
