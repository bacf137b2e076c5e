"""Typed refusals of the care domain: no HTTP, no prose for people."""


class CareError(Exception):
    """The care domain refuses."""


class NotInCareTeamError(CareError):
    """There is no active care relationship between the two people."""


class EmptyCarePeriodError(CareError):
    """A care relationship would end before, or when, it starts."""


class SamePersonError(CareError):
    """A person can't be in their own care."""
