"""bridge/assistant/booking_desk.py and its fake: what bots/booking.py relies on."""

from datetime import datetime, timedelta

import pytest

from appointments.errors import (
    NoAppointmentError,
    NoOfferError,
    NotInCareTeamError,
    SlotTakenError,
    VersionChangedError,
    WrongStateError,
)
from appointments.intervals import Interval
from appointments.schedule_services import put_schedule
from bots.booking_fakes import FakeBookingDesk
from bots.booking_ports import Bookable, Booked, Waits
from bots.booking_ports import BookingDesk as Port
from bridge.assistant.booking_desk import BookingDesk
from tests.appointments.diary import schedule
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, LUCIA, PORTAL, Clinic
from tests.bridge.reminding.reminders import MONDAY, TUESDAY_10

MARIA = f"@maria:{PORTAL}"
DAY = Interval(TUESDAY_10, TUESDAY_10 + timedelta(hours=1))


class DeskContract:
    """Maria books with Garcia for herself and for Lucia; there are three times from TUESDAY_10 on."""

    async def test_for_whom_she_books(self, desk: Port) -> None:
        """Herself before whom she acts for; a stranger for nobody."""
        found = [(one.patient, one.professional) for one in await desk.bookable(MARIA)]
        assert found == [(MARIA, GARCIA), (LUCIA, GARCIA)]
        assert list(await desk.bookable(LOPEZ)) == []

    async def test_free_times(self, desk: Port) -> None:
        """In order, as many as wanted; nothing for a stranger."""
        found = await desk.slots(MARIA, professional=GARCIA, within=DAY, most=2, moving=None)
        assert list(found) == [TUESDAY_10, TUESDAY_10 + timedelta(minutes=20)]
        with pytest.raises(NotInCareTeamError):
            await desk.slots(LOPEZ, professional=GARCIA, within=DAY, most=2, moving=None)

    async def test_one_operation_books_once(self, desk: Port) -> None:
        """Again it gives the same; another operation finds the time taken."""
        booked = await self.book(desk, "$1")
        assert await self.book(desk, "$1") == booked
        assert [one.id for one in await desk.visits(MARIA)] == [booked.id]
        assert await desk.visit(MARIA, booked.id) == booked
        with pytest.raises(SlotTakenError):
            await self.book(desk, "$2")
        with pytest.raises(NotInCareTeamError):
            await desk.book(MARIA, operation_id="$3", professional=LOPEZ, patient=MARIA, start=TUESDAY_10)

    async def test_moving_and_cancelling(self, desk: Port) -> None:
        """Repeating changes nothing; an old version and somebody else's are refused."""
        booked = await self.book(desk, "$1")
        later = TUESDAY_10 + timedelta(minutes=20)
        for _ in range(2):
            moved = await desk.move(MARIA, appointment_id=booked.id, version=None, start=later)
            assert (moved.start, moved.version) == (later, booked.version + 1)
        with pytest.raises(VersionChangedError):
            await desk.confirm(MARIA, appointment_id=booked.id, version=booked.version)
        assert await desk.confirm(MARIA, appointment_id=booked.id, version=moved.version) == moved
        with pytest.raises(NoAppointmentError):
            await desk.cancel(LOPEZ, appointment_id=booked.id, version=None)
        for _ in range(2):
            cancelled = await desk.cancel(MARIA, appointment_id=booked.id, version=moved.version)
            assert cancelled.status == "cancelled"
        assert list(await desk.visits(MARIA)) == []

    async def test_waiting_without_an_offer(self, desk: Port) -> None:
        """May be repeated; nothing is there to answer; who has cancelled waits for nothing; strangers neither."""
        booked = await self.book(desk, "$1")
        for _ in range(2):
            assert await desk.wait(MARIA, booked.id) == Waits(booked, None)
        for answer in (desk.accept_offer, desk.decline_offer):
            for offer_id in (None, "none"):
                with pytest.raises(NoOfferError):
                    await answer(MARIA, appointment_id=booked.id, offer_id=offer_id)
        for _ in range(2):
            assert await desk.wait_no_longer(MARIA, booked.id) == booked
        with pytest.raises(NoAppointmentError):
            await desk.wait(LOPEZ, booked.id)
        await desk.cancel(MARIA, appointment_id=booked.id, version=None)
        with pytest.raises(WrongStateError):
            await desk.wait(MARIA, booked.id)

    @staticmethod
    async def book(desk: Port, operation_id: str, start: datetime = TUESDAY_10) -> Booked:
        """Maria's own visit."""
        return await desk.book(
            MARIA, operation_id=operation_id, professional=GARCIA, patient=MARIA, start=start
        )


class TestFake(DeskContract):
    """bots/booking_fakes.py."""

    @pytest.fixture
    def desk(self) -> Port:
        """In memory."""
        made = FakeBookingDesk()
        made.pairs[MARIA] = [Bookable(GARCIA, MARIA, GARCIA), Bookable(GARCIA, LUCIA, f"{GARCIA} · {LUCIA}")]
        made.free = [TUESDAY_10 + number * timedelta(minutes=20) for number in range(3)]
        return made


class TestReal(DeskContract):
    """bridge/assistant/booking_desk.py."""

    @pytest.fixture
    async def desk(self, clinic: Clinic) -> Port:
        """On the database."""
        clinic.clock.at = MONDAY
        for patient in (MARIA, LUCIA):
            await clinic.start_care(patient, GARCIA)
        await clinic.start_care(JUAN, LOPEZ)
        async with clinic.database.write() as connection:
            await put_schedule(connection, professional=GARCIA, schedule=schedule(), now=MONDAY)
            await enter_representation(
                connection, LUCIA, MARIA, "appointments", now=MONDAY, starts=MONDAY - timedelta(days=1)
            )
        return BookingDesk(database=clinic.database, sealer=clinic.sealer, now=clinic.clock)
