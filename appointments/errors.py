"""Typed refusals of the care domain: no HTTP, no prose for people."""


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
