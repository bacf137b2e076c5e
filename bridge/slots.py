"""How many of a thing may be under way at once: so many of one person, so many in all of this process."""

import math
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from bridge.errors import Limited, TooManyAttemptsError


class Slots:
    """Counts what is under way; nobody waits in line, since who waits would hold her connection.

    What is `limited` is said to who comes in vain, and that she may come again after `retry_after_s`.
    """

    def __init__(
        self,
        *,
        per_person: int,
        in_all: float = math.inf,
        limited: Limited = "requests",
        retry_after_s: float = 5.0,
    ) -> None:
        self._per_person = per_person
        self._in_all = in_all
        self._limited: Limited = limited
        self._retry_after_s = retry_after_s
        self._taken: defaultdict[str, int] = defaultdict(int)

    @contextmanager
    def taken(self, person: str) -> Generator[None]:
        """One of them, for the length of the block. Raises TooManyAttemptsError."""
        if self._taken.get(person, 0) >= self._per_person or sum(self._taken.values()) >= self._in_all:
            raise TooManyAttemptsError(retry_after_s=self._retry_after_s, of=self._limited)
        self._taken[person] += 1
        try:
            yield
        finally:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]
