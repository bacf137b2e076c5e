"""Facts of the care domain that happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from appointments.booking import Appointment
from appointments.care import CareRelationship
from appointments.representation import Representation


@dataclass(frozen=True, slots=True)
class CareStarted:
    """A care relationship was entered that was not known before."""

    care: CareRelationship
    at: datetime


@dataclass(frozen=True, slots=True)
class CareChanged:
    """A known care relationship was entered again, maybe with another role, period or reason."""

    care: CareRelationship
    at: datetime


@dataclass(frozen=True, slots=True)
class CareEnded:
    """A care relationship that was active, or still to come, ended at `at`."""

    care: CareRelationship
    at: datetime


@dataclass(frozen=True, slots=True)
class RepresentationStarted:
    """A representation was entered that was not known before."""

    representation: Representation
    at: datetime


@dataclass(frozen=True, slots=True)
class RepresentationChanged:
    """A known representation was entered again, maybe with other scopes, another period or reason."""

    representation: Representation
    at: datetime


@dataclass(frozen=True, slots=True)
class RepresentationEnded:
    """A representation that was active, or still to come, ended at `at`."""

    representation: Representation
    at: datetime


@dataclass(frozen=True, slots=True)
class Departed:
    """A professional left: what ended with it."""

    professional: str
    care: tuple[CareEnded, ...]
    representations: tuple[RepresentationEnded, ...]
    at: datetime


Attended = Literal["arrived", "fulfilled", "noshow"]
AppointmentKind = Literal["booked", "moved", "cancelled", "offered", "lapsed", Attended]
"""`offered`: an earlier time is kept for whoever waits for one; `lapsed`: it is not kept any more, whyever."""


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """Something happened to an appointment, which is now as it stands here.

    `by` did it; None is time itself, or the clinic. `acts` is all that is known of who represents the patient, for
    whoever has read it already.
    """

    kind: AppointmentKind
    appointment: Appointment
    by: str | None
    at: datetime
    acts: Sequence[Representation] | None = None
