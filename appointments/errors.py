"""Typed refusals of the care domain: no HTTP, no prose for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

NotOffered = Literal["past", "too-soon", "too-far", "not-working", "no-schedule"]
ScheduleField = Literal["zone", "weekly", "exceptions", "holidays", "visit_types"]


class CareError(Exception):
    """The care domain refuses."""


class NotInCareTeamError(CareError):
    """There is no active care relationship between the two people."""


class NotAPartyError(CareError):
    """The person has nothing to do with these two people's conversation, and is not told that there is one."""


class AmbiguousPatientError(CareError):
    """The representative acts for several patients of this professional, and did not say for whom."""


class EmptyCarePeriodError(CareError):
    """A care relationship, or a representation, would end before, or when, it starts."""


class SamePersonError(CareError):
    """A person can't be in their own care."""


class SelfRepresentationError(CareError):
    """A person can't be their own representative."""


class NoScopeError(CareError):
    """A representation without any matter in which it holds."""


class AppointmentError(CareError):
    """Something about an appointment is refused."""


class SlotTakenError(AppointmentError):
    """Somebody else has this time."""


class NotOfferedError(AppointmentError):
    """This time can't be booked, and `reason` says why.

    `no-schedule`: nothing can be booked with this professional; `not-working`: no visit starts then.
    """

    def __init__(self, reason: NotOffered) -> None:
        super().__init__(reason)
        self.reason: NotOffered = reason


class SeriesTakenError(AppointmentError):
    """Some of a series' times can't be booked, so none was; `conflicts` are their starts."""

    def __init__(self, conflicts: Sequence[datetime]) -> None:
        super().__init__(f"{len(conflicts)} occurrences")
        self.conflicts = tuple(conflicts)


class UnknownVisitTypeError(AppointmentError):
    """The professional offers no such kind of visit; `known` are the names of those that she does."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(f"{len(known)} others")
        self.known = tuple(known)


class BadScheduleError(AppointmentError):
    """The schedule makes no sense; `field` says which part of it."""

    def __init__(self, field: ScheduleField) -> None:
        super().__init__(field)
        self.field: ScheduleField = field


class NoAppointmentError(AppointmentError):
    """No such appointment, or none of this person's."""


class WrongStateError(AppointmentError):
    """The appointment is in a state in which this is not possible."""


class TooLateError(AppointmentError):
    """The appointment's time has come; it can't be moved or cancelled any more."""


class TooEarlyError(AppointmentError):
    """The appointment's time has not come yet."""


class NotTheProfessionalError(AppointmentError):
    """Only the appointment's professional may do this, and the clinic."""


class VersionChangedError(AppointmentError):
    """The appointment was changed since the version that the caller knows."""


class NoOfferError(AppointmentError):
    """There is no offer to answer, or its time to answer has passed."""
