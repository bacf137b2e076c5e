"""bots/booking_verbs.py: what programs call and what people choose is done by the same."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from bots.booking_dialogue import Action, Step
from bots.booking_fakes import FakeBookingDesk
from bots.booking_ports import Bookable, Offer
from bots.booking_verbs import carry_out
from bots.rpc import AppointmentArguments

AT = datetime(2026, 3, 3, 9, tzinfo=UTC)
EARLIER = AT - timedelta(hours=1)
CALLED = get_args(AppointmentArguments.model_fields["action"].annotation)
ASKED = {"offer", "ask-cancel", "keep"}
"""Questions and refrains of the dialogue alone."""


@pytest.fixture
async def desk() -> FakeBookingDesk:
    """María has an appointment, and an earlier time is kept for it."""
    made = FakeBookingDesk()
    made.pairs["@maria:p"] = [Bookable("@garcia:h", "@maria:p", "García")]
    made.free = [AT, EARLIER]
    booked = await made.book(
        "@maria:p", operation_id="$1", professional="@garcia:h", patient="@maria:p", start=AT
    )
    made.free.append(AT + timedelta(hours=1))
    made.offers[booked.id] = Offer("offer", EARLIER, EARLIER)
    return made


def test_programs_can_call_what_people_can_choose() -> None:
    """And nothing else, but the two that only look."""
    assert set(CALLED) - {"list", "slots"} == set(get_args(Action)) - ASKED


@pytest.mark.parametrize("verb", get_args(Action))
async def test_every_verb_is_carried_out(desk: FakeBookingDesk, verb: Action) -> None:
    """A question alone does nothing."""
    step = Step(
        do=verb,
        professional="@garcia:h",
        patient="@maria:p",
        appointment_id="$1",
        start=AT + timedelta(hours=1),
    )
    outcome = await carry_out(desk, step, person="@maria:p", operation_id="$2")
    assert (outcome is None) is (verb in ASKED)


@pytest.mark.parametrize("verb", ["book", "move"])
async def test_what_needs_a_time_is_not_done_without(desk: FakeBookingDesk, verb: Action) -> None:
    """Nothing happens."""
    step = Step(do=verb, professional="@garcia:h", patient="@maria:p", appointment_id="$1")
    assert await carry_out(desk, step, person="@maria:p", operation_id="$2") is None
    assert [one.start for one in desk.booked.values()] == [AT]
