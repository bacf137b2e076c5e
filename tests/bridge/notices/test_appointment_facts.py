"""What is told of appointments: ids and states, to whom it concerns."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.booking import Appointment
from appointments.events import AppointmentChanged
from appointments.intervals import Interval
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.database import Database
from bridge.storage.facts import facts
from tests.appointments.relationships import enter_representation

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
MARIA, GARCIA, ANA = "@maria:p", "@garcia:h", "@ana:p"


def appointment(**more: object) -> Appointment:
    """María's with García, tomorrow."""
    start = NOW + timedelta(days=1)
    known = {
        "id": "a1",
        "patient": MARIA,
        "professional": GARCIA,
        "visit_type": "oncology",
        "start": start,
        "end": start + timedelta(minutes=20),
        "blocked": Interval(start, start + timedelta(minutes=20)),
        "zone": "Europe/Madrid",
        "status": "booked",
        "version": 1,
        "sequence": 0,
        "booked_by": MARIA,
        "updated_at": NOW,
    }
    return Appointment(**known | more)


async def recorded(database: Database, *changes: AppointmentChanged) -> list[tuple[str, str, dict]]:
    """The facts of these."""
    async with database.write() as connection:
        for one in changes:
            await record_appointment(connection, one)
        rows = await connection.execute(select(facts).order_by(facts.c.seq))
    return [(row.id, row.subject, row.data) for row in rows]


async def test_a_change_is_a_fact_for_both_and_who_represents(database: Database) -> None:
    """Neither its time nor what it is for; recorded twice it is one fact."""
    async with database.write() as connection:
        for who, scope in ((ANA, "appointments"), ("@luis:p", "messages")):
            await enter_representation(connection, MARIA, who, scope, now=NOW)
    changed = AppointmentChanged("booked", appointment(), MARIA, NOW)
    assert await recorded(database, changed, changed) == [
        (
            "appointment.booked:a1:1",
            "a1",
            {
                "appointment_id": "a1",
                "patient": MARIA,
                "professional": GARCIA,
                "audience": [ANA],
                "status": "booked",
                "version": 1,
                "by": MARIA,
            },
        )
    ]


@pytest.mark.parametrize("kind", ["offered", "lapsed"])
async def test_an_offer_is_for_who_waits(database: Database, kind: str) -> None:
    """The professional is not told, and the appointment keeps its state."""
    hold = appointment(id="h1", holds_for="a1", status="proposed")
    [(_, subject, data)] = await recorded(database, AppointmentChanged(kind, hold, None, NOW))
    assert (subject, data["appointment_id"], data["offer_id"]) == ("a1", "a1", "h1")
    assert {"professional", "status"}.isdisjoint(data)
