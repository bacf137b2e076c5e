"""A part of a file (RFC 9110, section 14): one range of bytes. Whoever asks for anything else gets the whole."""

import re

from bridge.http.problems import Problem, ProblemError

RANGE = "Range"
IF_RANGE = "If-Range"
ACCEPT_RANGES = {"Accept-Ranges": "bytes"}

# A longer number is no place in any file.
_ONE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


def part_of(asked: str | None, *, size: int) -> range | None:
    """Which bytes of a file of this size a Range header asks for; None for all of it.

    Raises ProblemError (416) when it has none of them.
    """
    found = _ONE.fullmatch((asked or "").strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many
        part = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        part = range(int(first), min(size, int(last) + 1) if last else size)
    if not part:
        headers = ACCEPT_RANGES | {"Content-Range": f"bytes */{size}"}
        raise ProblemError(Problem.RANGE_NOT_SATISFIABLE, headers=headers, size=size)
    return part


def content_range(part: range, *, size: int) -> dict[str, str]:
    """What an answer with this part says of it."""
    return {"Content-Range": f"bytes {part.start}-{part.stop - 1}/{size}"}
