"""An appointment and how its state changes: every transition has a name, every other one is refused.

    proposed ──confirm──> booked ──arrive──> arrived ──fulfil──> fulfilled
                          │    │
                          move miss ──> noshow
    proposed, booked, arrived ──cancel──> cancelled

The states are FHIR R4's words (AppointmentStatus). A move leaves the state as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from appointments.errors import WrongStateError
from appointments.intervals import Interval

Status = Literal["proposed", "booked", "arrived", "fulfilled", "cancelled", "noshow"]
STATUSES: tuple[Status, ...] = get_args(Status)
Attendance = Literal["arrive", "fulfil", "miss"]
"""What the day itself brings."""
Transition = Literal["confirm", "move", "cancel", Attendance]

HOLDING: tuple[Status, ...] = ("proposed", "booked", "arrived", "fulfilled")
"""The states in which nobody else can have the time."""

TRANSITIONS: Mapping[tuple[Status, Transition], Status] = {
    ("proposed", "confirm"): "booked",
    ("proposed", "cancel"): "cancelled",
    ("booked", "move"): "booked",
    ("booked", "arrive"): "arrived",
    ("booked", "miss"): "noshow",
    ("booked", "cancel"): "cancelled",
    ("arrived", "fulfil"): "fulfilled",
    ("arrived", "cancel"): "cancelled",
}


def after(status: Status, transition: Transition) -> Status:
    """The state that this transition leads to. Raises WrongStateError."""
    try:
        return TRANSITIONS[status, transition]
    except KeyError:
        raise WrongStateError(f"{transition} of one that is {status}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A visit of `patient` at `professional` (Matrix user ids); `zone` is the professional's.

    `version` grows with every change, `sequence` (iCalendar's) with every one that calendars must hear of.
    `series_id` is shared by the occurrences of a series. `holds_for` names the appointment for which this one only
    keeps an earlier time, offered from the waiting list until `answer_by`.
    """

    id: str
    patient: str
    professional: str
    visit_type: str
    start: datetime
    end: datetime
    blocked: Interval
    zone: str
    status: Status
    version: int
    sequence: int
    booked_by: str
    updated_at: datetime
    series_id: str | None = None
    holds_for: str | None = None
    answer_by: datetime | None = None

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in the order of lists."""
        return self.start, self.id
