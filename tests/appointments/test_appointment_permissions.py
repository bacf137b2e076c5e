"""appointments/appointment_permissions.py: the table is whole, and what holds for every row."""

from typing import get_args

import pytest

from appointments.appointment_permissions import APPOINTMENT_ACTIONS, APPOINTMENT_TABLE
from appointments.permissions import TABLE, Relation, Verdict


def test_the_table_is_whole() -> None:
    """Every relation that there is says something about every action."""
    assert set(APPOINTMENT_TABLE) == set(TABLE)
    for row in APPOINTMENT_TABLE.values():
        assert set(row) == set(APPOINTMENT_ACTIONS)
        assert set(row.values()) <= set(get_args(Verdict))


@pytest.mark.parametrize("relation", APPOINTMENT_TABLE)
def test_what_holds_for_every_row(relation: Relation) -> None:
    """Nothing new without active care; who may see may cancel; who may not see hears of nothing.

    Who came is the professional's to say, also afterwards.
    """
    row = APPOINTMENT_TABLE[relation]
    if relation.care != "active":
        assert {row[action] for action in ("slots", "book", "move")}.isdisjoint({"allowed"})
    assert row["see"] == row["cancel"] == row["reason"]
    if row["see"] != "allowed":
        assert {row[action] for action in ("see", "reason", "move", "cancel", "attend")} == {"not-found"}
    else:
        assert row["attend"] == ("allowed" if relation.who == "professional" else "not-the-professional")
