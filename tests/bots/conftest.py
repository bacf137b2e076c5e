"""A desk at which appointments can be booked."""

from datetime import timedelta

import pytest

from bots.booking_fakes import FakeBookingDesk
from bots.booking_ports import Bookable
from tests.bots.chat import GARCIA, MARIA, THURSDAY


@pytest.fixture
def desk() -> FakeBookingDesk:
    """Maria may book with Garcia, who has eight free times tomorrow."""
    made = FakeBookingDesk()
    made.pairs[MARIA] = [Bookable(GARCIA, MARIA, "con Dra. García")]
    made.pairs[GARCIA] = [Bookable(GARCIA, MARIA, "con María")]
    made.free = [THURSDAY + number * timedelta(hours=1) for number in range(8)]
    return made
