"""appointments/booking_services.py: who may book, see, move and cancel."""

import pytest

from appointments import booking_services as services
from appointments.errors import NoAppointmentError, NotInCareTeamError
from appointments.services import depart, end_care
from tests.appointments.diary import ANA, DAY, GARCIA, HOUR, LOPEZ, MARIA, NINE, NOW, PEDRO, Diary
from tests.appointments.relationships import enter_representation


async def test_care_decides(diary: Diary) -> None:
    """Without it nobody books; when it has ended what was booked is seen and can be cancelled, but not moved."""
    with pytest.raises(NotInCareTeamError):
        await diary.book(NINE, patient="@nobody:p")
    with pytest.raises(NotInCareTeamError):
        await diary.book(NINE, professional=LOPEZ)
    booked = await diary.book(NINE)
    async with diary.database.write() as connection:
        await end_care(connection, patient=MARIA, professional=GARCIA, now=NOW)
    with pytest.raises(NotInCareTeamError):
        await diary.move(booked, NINE + HOUR)
    assert (await diary.cancel(booked)).status == "cancelled"


async def test_only_its_people_know_of_it(diary: Diary) -> None:
    """For others there is no such appointment, as for one that never was."""
    booked = await diary.book(NINE)
    for by in (PEDRO, LOPEZ, "@nobody:p"):
        for attempt in (diary.move(booked, NINE + HOUR, by=by), diary.cancel(booked, by=by)):
            with pytest.raises(NoAppointmentError):
                await attempt
    async with diary.database.read() as connection:
        for person, name in ((PEDRO, booked.id), (MARIA, "nothing")):
            with pytest.raises(NoAppointmentError):
                await services.appointment_for(connection, appointment_id=name, person=person, now=NOW)
        for person in (MARIA, GARCIA):
            found = await services.appointment_for(
                connection, appointment_id=booked.id, person=person, now=NOW
            )
            assert found == booked


async def test_a_representative_acts_in_appointments_only_with_that_scope(diary: Diary) -> None:
    """She books, sees and moves for the patient; who represents in messages alone does none of it."""
    async with diary.database.write() as connection:
        for who, scope in ((ANA, "appointments"), (PEDRO, "messages")):
            await enter_representation(connection, MARIA, who, scope, now=NOW, starts=NOW - DAY)
    booked = await diary.book(NINE, booked_by=ANA)
    assert (booked.patient, booked.booked_by) == (MARIA, ANA)
    assert (await diary.move(booked, NINE + HOUR, by=ANA)).start == NINE + HOUR
    with pytest.raises(NotInCareTeamError):
        await diary.book(NINE, booked_by=PEDRO)
    assert [await diary.ids(who) for who in (ANA, MARIA, PEDRO)] == [[booked.id], [booked.id], []]


async def test_who_has_left_sees_nothing(diary: Diary) -> None:
    """The patient still does."""
    booked = await diary.book(NINE)
    async with diary.database.write() as connection:
        await depart(connection, professional=GARCIA, now=NOW)
    assert await diary.ids(GARCIA) == []
    assert await diary.ids(MARIA) == [booked.id]
