"""Care relationships: which professional cares for which patient, from when, until when."""

from dataclasses import dataclass
from datetime import datetime

from appointments.errors import EmptyCarePeriodError, SamePersonError


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
        return not self.departed and self.starts <= now and (self.ends is None or now < self.ends)


def check_care(care: CareRelationship) -> None:
    """Raises SamePersonError, EmptyCarePeriodError, or ValueError for a naive time."""
    for instant in (care.starts, care.ends):
        if instant is not None and instant.tzinfo is None:
            raise ValueError(f"a naive datetime: {instant!r}")
    if care.patient == care.professional:
        raise SamePersonError(care.patient)
    if care.ends is not None and care.ends <= care.starts:
        raise EmptyCarePeriodError(f"{care.starts.isoformat()} to {care.ends.isoformat()}")
