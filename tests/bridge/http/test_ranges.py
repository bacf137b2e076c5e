"""bridge/http/ranges.py: which bytes a Range header asks for (RFC 9110, section 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.http.problems import Problem, ProblemError
from bridge.http.ranges import content_range, part_of

NUMBERS = st.integers(0, 40)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-1", range(2)),
        ("bytes=0-", range(10)),
        ("bytes=3-5", range(3, 6)),
        ("bytes=9-9", range(9, 10)),
        ("bytes=9-99999999999999", range(9, 10)),
        ("bytes=-1", range(9, 10)),
        ("bytes=-99", range(10)),
        (" Bytes=3- ", range(3, 10)),
    ],
)
def test_one_range_of_bytes(asked: str, part: range) -> None:
    """From, from and to, or the last so many; what goes beyond the end ends there."""
    assert part_of(asked, size=10) == part
    assert content_range(part, size=10) == {"Content-Range": f"bytes {part[0]}-{part[-1]}/10"}


@pytest.mark.parametrize(
    "asked",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,4-5", "items=0-1", "bytes=a-b",
     "bytes=+1-2", "bytes=1-2-3", "bytes=\u0663-\u0665", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_what_is_no_such_range_gets_the_whole(asked: str | None) -> None:
    """Several, other units, nonsense: nothing has to be understood."""
    assert part_of(asked, size=10) is None


@pytest.mark.parametrize(
    ("asked", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_what_the_file_does_not_have_is_a_416(asked: str, size: int) -> None:
    """With its size."""
    with pytest.raises(ProblemError) as refused:
        part_of(asked, size=size)
    assert refused.value.problem is Problem.RANGE_NOT_SATISFIABLE
    assert refused.value.headers["Content-Range"] == f"bytes */{size}"


@given(size=NUMBERS, first=NUMBERS, length=st.integers(1, 40))
def test_a_part_is_what_a_slice_is(size: int, first: int, length: int) -> None:
    """Whatever the numbers; never empty."""
    file = list(range(size))
    for asked, expected in (
        (f"{first}-{first + length - 1}", file[first : first + length]),
        (f"{first}-", file[first:]),
        (f"-{length}", file[-length:]),
    ):
        try:
            part = part_of(f"bytes={asked}", size=size)
        except ProblemError:
            part = range(0)
        assert part is not None
        assert list(part) == expected
