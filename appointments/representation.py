"""Representations: a parent or a carer acts for a patient, in some matters, from when, until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from appointments.errors import NoScopeError, SelfRepresentationError
from appointments.periods import check_period, holds

Scope = Literal["messages", "appointments", "video"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Representation:
    """`representative` acts for `patient` (both Matrix user ids) in [starts, ends); `ends` None is open.

    `scopes` are the matters in which they do.
    """

    patient: str
    representative: str
    scopes: frozenset[Scope]
    starts: datetime
    ends: datetime | None

    def is_active(self, now: datetime) -> bool:
        """Whether `now` lies in [starts, ends)."""
        return holds(now, starts=self.starts, ends=self.ends)

    def covers(self, scope: Scope, now: datetime) -> bool:
        """Whether the representative acts for the patient in this matter now."""
        return scope in self.scopes and self.is_active(now)


def check_representation(representation: Representation) -> None:
    """Raises SelfRepresentationError, EmptyCarePeriodError, NoScopeError, or ValueError for a naive time."""
    if representation.patient == representation.representative:
        raise SelfRepresentationError(representation.patient)
    check_period(starts=representation.starts, ends=representation.ends)
    if not representation.scopes:
        raise NoScopeError(representation.representative)
