"""appointments/booking.py: every transition has a name, every other one is refused."""

from typing import get_args

import pytest

from appointments.booking import HOLDING, STATUSES, TRANSITIONS, Status, Transition, after
from appointments.errors import WrongStateError


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("transition", get_args(Transition))
def test_only_what_is_named_is_possible(status: Status, transition: Transition) -> None:
    """All 36 pairs of state and transition."""
    if (status, transition) in TRANSITIONS:
        assert after(status, transition) == TRANSITIONS[status, transition]
    else:
        with pytest.raises(WrongStateError):
            after(status, transition)


def test_the_end_is_the_end() -> None:
    """Nothing follows a fulfilled, a cancelled or a missed appointment; everything else leads to one."""
    assert {status for status, _ in TRANSITIONS} == {"proposed", "booked", "arrived"}
    assert set(TRANSITIONS.values()) == set(STATUSES) - {"proposed"}


def test_what_gives_the_time_back() -> None:
    """Somebody else can have the time of a cancelled appointment, and of one that nobody came to."""
    assert set(STATUSES) - set(HOLDING) == {"cancelled", "noshow"}
