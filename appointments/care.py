"""Care relationships: which professional cares for which patient, from when, until when."""

from dataclasses import dataclass
from datetime import datetime

from appointments.errors import SamePersonError
from appointments.periods import check_period, holds


@dataclass(frozen=True, slots=True)
class CareRelationship:
    """`professional` cares for `patient` (both Matrix user ids) in [starts, ends); `ends` None is open.

    `role` is what the professional is to the patient, a word such as `gp` or `nurse`. `departed`: the
    professional has left since this was entered, which closes it whatever its period.
    """

    patient: str
    professional: str
    role: str
    starts: datetime
    ends: datetime | None
    departed: bool = False

    def is_active(self, now: datetime) -> bool:
        """Whether `now` lies in [starts, ends), and the professional is still there."""
        return not self.departed and holds(now, starts=self.starts, ends=self.ends)


def check_care(care: CareRelationship) -> None:
    """Raises SamePersonError, EmptyCarePeriodError, or ValueError for a naive time."""
    if care.patient == care.professional:
        raise SamePersonError(care.patient)
    check_period(starts=care.starts, ends=care.ends)
