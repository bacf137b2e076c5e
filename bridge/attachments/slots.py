"""How many files may be on their way at once: so many of one person, so many in all of this process."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from bridge.errors import TooManyAttemptsError

_RETRY_AFTER_S = 5.0


class Slots:
    """Counts what is under way; nobody waits in line, since a waiting upload would hold its connection."""

    def __init__(self, *, per_person: int, in_all: int) -> None:
        self._per_person = per_person
        self._in_all = in_all
        self._taken: defaultdict[str, int] = defaultdict(int)

    @contextmanager
    def taken(self, person: str) -> Generator[None]:
        """One of them, for the length of the block. Raises TooManyAttemptsError."""
        if self._taken.get(person, 0) >= self._per_person or sum(self._taken.values()) >= self._in_all:
            raise TooManyAttemptsError(retry_after_s=_RETRY_AFTER_S)
        self._taken[person] += 1
        try:
            yield
        finally:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]
