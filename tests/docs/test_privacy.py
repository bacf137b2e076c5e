"""docs/privacy.md leaves nothing out."""

import re

from appointments.storage.schema import metadata
from bridge.storage import all_tables
from tests.docs.generated import DOCS


def test_every_table_is_there() -> None:
    """Whoever adds a table says in docs/privacy.md what it holds, who encrypts it, for how long; none is made up."""
    assert all_tables
    text = (DOCS / "privacy.md").read_text(encoding="utf-8")
    rows = text.partition("table by table")[2].partition("**Deactivating**")[0]
    described = {
        name
        for row in re.findall(r"^\|([^|]+)\|", rows, re.MULTILINE)
        for name in re.findall("`([a-z0-9_]+)`", row)
    }
    assert described == set(metadata.tables)


def test_sealed_columns_are_said_to_be_sealed() -> None:
    """A table with a sealed column has the word in its row."""
    text = (DOCS / "privacy.md").read_text(encoding="utf-8")
    for name, table in metadata.tables.items():
        if any("sealed" in column.name for column in table.columns):
            (row,) = [
                line for line in text.partition("table by table")[2].splitlines() if f"`{name}`" in line
            ]
            assert "sealed" in row, name
