"""appointments/permissions.py: the table is whole, and every person finds their row."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from appointments.care import CareRelationship
from appointments.permissions import ACTIONS, TABLE, Relation, Verdict, decide, relation_of
from appointments.representation import Representation, Scope

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MARIA, GARCIA, MADRE = "@maria:p", "@garcia:h", "@madre:p"


def care(*, starts: datetime = NOW - DAY, ends: datetime | None = None, departed: bool = False):
    """García's care of María."""
    return CareRelationship(MARIA, GARCIA, "gp", starts, ends, departed)


ACTIVE, FUTURE, ENDED = care(), care(starts=NOW + DAY), care(ends=NOW)
LEFT = care(departed=True)


def acts(*scopes: Scope, starts: datetime = NOW - DAY, ends: datetime | None = None) -> Representation:
    """The mother acts for María."""
    return Representation(MARIA, MADRE, frozenset(scopes), starts, ends)


@pytest.mark.parametrize(
    ("person", "of_care", "representation", "relation"),
    [
        (MARIA, ACTIVE, None, Relation("patient", "active")),
        (MARIA, FUTURE, None, Relation("patient", "future")),
        (MARIA, ENDED, None, Relation("patient", "ended")),
        (MARIA, LEFT, None, Relation("patient", "ended")),
        (GARCIA, ACTIVE, None, Relation("professional", "active")),
        (GARCIA, FUTURE, None, Relation("professional", "future")),
        (GARCIA, ENDED, None, Relation("professional", "ended")),
        (GARCIA, LEFT, None, Relation("departed", "ended")),
        (MADRE, ACTIVE, acts("messages"), Relation("representative", "active")),
        (MADRE, ENDED, acts("messages", "video"), Relation("representative", "ended")),
        (MADRE, LEFT, acts("messages"), Relation("representative", "ended")),
        (MADRE, ACTIVE, acts("video", "appointments"), Relation("no-representative", "active")),
        (MADRE, ACTIVE, acts("messages", starts=NOW + DAY), Relation("no-representative", "active")),
        (MADRE, ACTIVE, acts("messages", ends=NOW), Relation("no-representative", "active")),
        (MADRE, FUTURE, None, Relation("stranger", "future")),
        (MADRE, None, None, Relation("stranger", "none")),
    ],
)
def test_everybody_has_a_row(
    person: str, of_care: CareRelationship | None, representation: Representation | None, relation: Relation
) -> None:
    """Care is half-open [starts, ends); so is a representation, which counts in messages only."""
    assert relation_of(person=person, care=of_care, representation=representation, now=NOW) == relation
    assert relation in TABLE


def test_the_table_is_whole() -> None:
    """Every row says something about every action, in words that are known."""
    for row in TABLE.values():
        assert set(row) == set(ACTIONS)
        assert set(row.values()) <= set(get_args(Verdict))


@pytest.mark.parametrize("relation", TABLE)
def test_what_holds_for_every_row(relation: Relation) -> None:
    """Nothing new without active care; who may write may read; who may not read hears of nothing."""
    if relation.care != "active":
        assert decide(relation, "open") == decide(LAST_RESORT, "open") == "not-in-care-team"
        assert decide(relation, "send") != "allowed"
    if decide(relation, "send") == "allowed":
        assert decide(relation, "read") == "allowed"
    if decide(relation, "read") != "allowed":
        assert {decide(relation, action) for action in ("send", "read", "list", "receipt")} == {"not-found"}


LAST_RESORT = Relation("stranger", "none")
