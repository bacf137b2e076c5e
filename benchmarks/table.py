"""What one run found: a row a measurement, and the table that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = ("", "measured", "peer", "ratio", "bar")


@dataclass(frozen=True)
class Bar:
    """The limit that a value has to keep: the least it may be, or the most."""

    limit: float
    at_least: bool

    def holds(self, value: float) -> bool:
        """Whether the value keeps it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def at_least(limit: float) -> Bar:
    """More is better."""
    return Bar(limit, at_least=True)


def at_most(limit: float) -> Bar:
    """Less is better."""
    return Bar(limit, at_least=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement. `value` is what the bar is held against: the ratio where there is one."""

    name: str
    measured: str
    peer: str = ""
    ratio: float | None = None
    bar: Bar | None = None
    value: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it keeps its bar, if it has one."""
        value = self.value if self.ratio is None else self.ratio
        return self.bar is None or self.bar.holds(value)

    def cells(self) -> tuple[str, ...]:
        """What the table shows, the mark last."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        if self.bar is None:
            return (self.name, self.measured, self.peer, ratio, "", "")
        return (self.name, self.measured, self.peer, ratio, str(self.bar), "✓" if self.holds else "✗")


def show(rows: Sequence[Row]) -> str:
    """The table as text, columns aligned."""
    lines = [(*_HEADINGS, ""), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS) + 1)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
