"""The waiting list in the chat: who waits is told of what frees up, once and in time, and answers there."""

import itertools
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from appointments import booking_services as booking
from appointments import waiting_services as waiting
from appointments.booking import Appointment
from appointments.services import end_care
from bridge.bookings import pass_on_lapsed
from bridge.notices.appointment_facts import record_appointment
from bridge.storage.deliveries import deliveries
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.reminding.reminders import MARIA, MONDAY, TUESDAY_10, Reminders

NOON = TUESDAY_10 + timedelta(hours=2)


class Line:
    """Maria has an appointment at noon and waits; Juan, who has no chat, has earlier ones and gives them back."""

    def __init__(self, reminders: Reminders) -> None:
        self.reminders = reminders
        self.clinic = reminders.clinic

    async def open(self) -> None:
        """Both are in García's care; Maria waits, as she said in her chat."""
        await self.reminders.open()
        await self.clinic.manage(JUAN)
        await self.clinic.start_care(JUAN, GARCIA)
        await self.reminders.book(NOON)
        await self.reminders.tick()
        assert "Espera algo antes" in await self.reminders.say("!cita antes")

    async def frees(self, start: datetime = TUESDAY_10) -> None:
        """Juan books this time and cancels it."""
        async with self.clinic.database.write() as connection:
            booked = await booking.book(
                connection,
                appointment_id=uuid4().hex,
                professional=GARCIA,
                patient=JUAN,
                start=start,
                booked_by=JUAN,
                now=self.clinic.clock(),
                record=record_appointment,
            )
        async with self.clinic.database.write() as connection:
            await booking.cancel(
                connection,
                appointment_id=booked.id,
                by=JUAN,
                now=self.clinic.clock(),
                record=record_appointment,
            )

    async def offers(self) -> list[str]:
        """What Maria was told of earlier times."""
        said = await self.reminders.heard(self.reminders.maria)
        return [one for one in said if "Ha quedado libre" in one]

    async def marias(self) -> Appointment:
        """Her appointment, as it stands."""
        (one,) = [one for one in await self.reminders.visits() if one.patient == MARIA]
        return one

    def answering(self, event_id: str) -> dict[str, object]:
        """What makes a message an answer to this event."""
        return {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}


@pytest.fixture
async def line(clinic: Clinic) -> Line:
    """Monday morning."""
    made = Line(Reminders(clinic))
    await made.open()
    return made


async def test_who_waits_is_told_once_and_accepts(line: Line) -> None:
    """When it is, until when it is kept, what she has now; a number moves it, and nobody else hears of the offer."""
    await line.frees()
    for _ in range(2):
        await line.reminders.tick()
    (offer,) = await line.offers()
    assert "martes 3 de marzo, 10:00" in offer
    assert "hasta: lunes 2 de marzo, 10:00" in offer
    assert "Ahora tiene: martes 3 de marzo, 12:00" in offer
    assert not [one for one in await line.reminders.heard(line.reminders.garcia) if "libre" in one]
    assert "Cita cambiada: martes 3 de marzo, 10:00" in await line.reminders.say("1")
    assert (await line.marias()).start == TUESDAY_10
    await line.reminders.tick()
    assert "ahora es martes 3 de marzo, 10:00" in (await line.reminders.heard(line.reminders.garcia))[-1]
    line.clinic.clock.at = TUESDAY_10 - timedelta(hours=1)
    assert "ya no se le guarda" not in (await line.reminders.heard(line.reminders.maria))[-1]


async def test_declined_by_answering_she_goes_on_waiting(line: Line) -> None:
    """Whatever was said in between; the next earlier time is offered again, this one never."""
    await line.frees()
    await line.reminders.tick()
    told = await line.reminders.last_event()
    assert "Sus citas" in await line.reminders.say("!citas")
    assert "sigue como estaba" in await line.reminders.say("no", **line.answering(told))
    await line.frees()
    await line.reminders.tick()
    assert len(await line.offers()) == 1
    await line.frees(TUESDAY_10 + timedelta(hours=1))
    await line.reminders.tick()
    assert "11:00" in (await line.offers())[-1]


async def test_an_answer_after_its_time_changes_nothing(line: Line) -> None:
    """She is told so; the appointment stays."""
    await line.frees()
    await line.reminders.tick()
    told = await line.reminders.last_event()
    line.clinic.clock.pass_by(minutes=61)
    await pass_on_lapsed(line.clinic.database, now=line.clinic.clock())
    assert "ya no se le guarda" in await line.reminders.say("1", **line.answering(told))
    assert (await line.marias()).start == NOON


@pytest.mark.parametrize("why", ["late", "lapsed", "withdrawn", "care ended"])
async def test_what_holds_no_more_is_not_said(line: Line, why: str) -> None:
    """Nothing ran until its time was over, or somebody else answered for her, or she may not move it any more."""
    await line.frees()
    clinic, clock = line.clinic, line.clinic.clock
    if why in ("late", "lapsed"):
        clock.pass_by(minutes=60)
    if why == "lapsed":
        await pass_on_lapsed(clinic.database, now=clock())
    if why == "withdrawn":
        known = await line.marias()
        async with clinic.database.write() as connection:
            await waiting.decline_offer(
                connection, appointment_id=known.id, by=MARIA, now=clock(), record=record_appointment
            )
    if why == "care ended":
        async with clinic.database.write() as connection:
            await end_care(connection, patient=MARIA, professional=GARCIA, now=clock())
    await line.reminders.tick()
    assert await line.offers() == []
    assert {row.state for row in await clinic.rows(deliveries) if row.kind == "appointment.offered"} <= {
        "cancelled"
    }


async def test_who_acts_for_her_is_told_too(line: Line) -> None:
    """A representative in appointments; the professional is not."""
    async with line.clinic.database.write() as connection:
        await enter_representation(
            connection, MARIA, LOPEZ, "appointments", now=MONDAY, starts=MONDAY - timedelta(days=1)
        )
    await line.frees()
    await line.reminders.tick()
    told = {row.person for row in await line.clinic.rows(deliveries) if row.kind == "appointment.offered"}
    assert told == {MARIA, LOPEZ}


async def test_an_offer_ends_no_list(line: Line) -> None:
    """While she chooses from free times a number books; an answer to the offer is about the offer."""
    assert "Están libres" in await line.reminders.say("!cita pasado mañana a las 9")
    await line.frees()
    await line.reminders.tick()
    told = await line.reminders.last_event()
    assert "reservada: miércoles 4 de marzo, 09:00" in await line.reminders.say("1")
    assert "Cita cambiada" in await line.reminders.say("sí", **line.answering(told))


async def test_wherever_a_process_dies_it_is_said_once(line: Line) -> None:
    """From the cancellation's commit to the message in the room; another process goes on."""
    reminders, clinic = line.reminders, line.clinic
    await reminders.move(await line.marias(), NOON + timedelta(days=3))
    for dies_at in itertools.count(1):
        days, number = divmod(dies_at, 12)
        await line.frees(TUESDAY_10 + timedelta(days=days, minutes=20 * number))
        process = clinic.process(dies_at=dies_at)
        with suppress(Killed):
            await reminders.tick(process)
        clinic.clock.pass_by(minutes=6)
        await clinic.main.outbox.deliver_waiting()
        await reminders.tick()
        said = await line.offers()
        assert len(said) == len(set(said)) == dies_at
        if process.fate.steps < dies_at:
            break
        assert "sigue como estaba" in await reminders.say("no")
    assert dies_at > 5
