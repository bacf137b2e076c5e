"""bridge/storage/prepared.py: what runs again and again says the same as what SQLAlchemy runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound

from bridge.storage.database import Database
from bridge.storage.facts import facts
from bridge.storage.prepared import Rows

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
_INSERT = insert(facts)
_INSERT_RETURNING = insert(facts).returning(facts.c.seq, facts.c.data)
_OF_KIND = select(facts).where(facts.c.kind == bindparam("kind")).order_by(facts.c.seq)
_OF_KINDS = select(facts.c.id).where(facts.c.kind.in_(bindparam("kinds", expanding=True)))
_FIRST = select(facts.c.id, facts.c.at.label("moment")).order_by(facts.c.id).limit(1)
_PLACE = (
    update(facts).where(facts.c.id == bindparam("one")).values(kind="placed", placed_at=bindparam("when"))
)
_PLACE_RETURNING = _PLACE.returning(facts.c.id, facts.c.placed_at)
_DELETE = delete(facts).where(facts.c.id == bindparam("one"))


def fact(name: str, *, kind: str = "k") -> dict[str, Any]:
    """A row of facts."""
    return {"id": name, "kind": kind, "subject": "s", "at": AT, "data": {"ñ": [1, None]}}


async def test_rows_are_the_same_each_time(database: Database) -> None:
    """Times are aware, JSON is read, columns have their names, whether a statement runs first or again."""
    async with database.write() as connection:
        await connection.execute(_INSERT, [fact("a"), fact("b")])
        await connection.execute(_INSERT, [fact("c"), fact("d", kind="other")])
        seen = [(await connection.execute(_OF_KIND, {"kind": "k"})).all() for _ in range(3)]
        assert [[row.id for row in rows] for rows in seen] == [["a", "b", "c"]] * 3
        assert seen[0] == seen[1] == seen[2]
        assert (seen[2][0].at, seen[2][0].data, seen[2][0].placed_at) == (AT, {"ñ": [1, None]}, None)
        for _ in range(3):
            row = (await connection.execute(_FIRST)).one()
            assert (row.id, row.moment) == ("a", AT)
            assert (await connection.execute(_OF_KIND, {"kind": "?"})).first() is None
            assert set(await connection.scalars(_OF_KINDS, {"kinds": ["k", "other"]})) == {*"abcd"}


@pytest.mark.parametrize("columns", [[facts.c.id], [facts.c.id, facts.c.kind]])
async def test_lists_of_any_length_are_bound(database: Database, columns: list[Any]) -> None:
    """One statement serves lists of any length, again and again: what is in them is found, and nothing else."""
    there = select(*columns).where(facts.c.id.in_(bindparam("ids", expanding=True)), facts.c.kind == "k")
    others = select(facts.c.id).where(facts.c.id.not_in(bindparam("ids", expanding=True)))
    names = [f"f{number}" for number in range(1100)]
    async with database.write() as connection:
        await connection.execute(_INSERT, [fact(name) for name in names])
        for length in (1, 2, 3, 5, 4, 0, 100, 99, 1024, 1025, 1100, 3):
            ids = names[:length]
            for _ in range(3):
                found = (await connection.execute(there, {"ids": ids})).all()
                assert {row.id for row in found} == set(ids)
                assert len(found) == len(ids)
                assert set(await connection.scalars(others, {"ids": ids})) == set(names[length:])


async def test_lists_are_bound_as_their_column_is(database: Database) -> None:
    """Times for instance; two lists, and one that stands in the statement, keep apart."""
    at = facts.c.at.in_(bindparam("times", expanding=True))
    kinds = facts.c.kind.in_(["k", "l", "m"])
    query = select(facts.c.id).where(at, kinds, facts.c.id.in_(bindparam("ids", expanding=True)))
    async with database.write() as connection:
        await connection.execute(_INSERT, [fact("a"), fact("b", kind="m"), fact("c", kind="x"), fact("d")])
        for times, ids in ([AT], [*"abc"]), ([AT, AT - timedelta(1), AT], ["a", "b"]), ([AT] * 3, [*"cab"]):
            for _ in range(3):
                found = await connection.scalars(query, {"times": times, "ids": ids})
                assert sorted(found) == ["a", "b"]
        for _ in range(3):
            none = {"times": [AT - timedelta(1)], "ids": ["a"]}
            assert (await connection.execute(query, none)).all() == []


async def test_a_list_is_also_a_value(database: Database) -> None:
    """What is JSON is stored whole, however long it is, one row or many at once."""
    async with database.write() as connection:
        for number, data in enumerate(([], [1], [1, 2, 3], [None] * 5)):
            for again in range(3):
                name = f"{number}.{again}"
                await connection.execute(_INSERT, {**fact(name), "data": data})
                await connection.execute(
                    _INSERT, [{**fact(f"{name}.{one}"), "data": data[:one]} for one in range(3)]
                )
                stored = select(facts.c.data).where(facts.c.id == name)
                assert (await connection.execute(stored)).scalar_one() == data
                stored = select(facts.c.data).where(facts.c.id == f"{name}.2")
                assert (await connection.execute(stored)).scalar_one() == data[:2]


async def test_how_many_rows_there_must_be_is_seen_each_time(database: Database) -> None:
    """`one` and `one_or_none` refuse too many, and `one` too few, as at first."""
    async with database.write() as connection:
        await connection.execute(_INSERT, [fact("a"), fact("b"), fact("c", kind="single")])
        for _ in range(3):
            single = {"kind": "single"}
            assert (await connection.execute(_OF_KIND, single)).one().id == "c"
            found = (await connection.execute(_OF_KIND, single)).one_or_none()
            assert found is not None
            assert found.id == "c"
            assert (await connection.execute(_OF_KIND, {"kind": "none"})).one_or_none() is None
            assert [row.id for row in await connection.execute(_OF_KIND, {"kind": "k"})] == ["a", "b"]
            assert (await connection.execute(_FIRST)).scalar_one() == "a"
            several, none = [await connection.execute(_OF_KIND, {"kind": kind}) for kind in ("k", "none")]
            with pytest.raises(MultipleResultsFound):
                several.one_or_none()
            with pytest.raises(NoResultFound):
                none.one()


async def test_changes_are_counted_and_returned(database: Database) -> None:
    """`rowcount` and RETURNING work for the first run and the others; a statement's own values are bound."""
    async with database.write() as connection:
        for number in range(3):
            row = (await connection.execute(_INSERT_RETURNING, fact(f"f{number}"))).one()
            assert row.data == {"ñ": [1, None]}
            assert (await connection.execute(_PLACE, {"one": f"f{number}", "when": AT})).rowcount == 1
            assert (await connection.execute(_PLACE, {"one": "none", "when": AT})).rowcount == 0
            placed = await connection.execute(_PLACE_RETURNING, {"one": f"f{number}", "when": None})
            assert placed.one() == (f"f{number}", None)
        assert len((await connection.execute(_OF_KIND, {"kind": "placed"})).all()) == 3
        await connection.execute(_DELETE, [{"one": "f0"}, {"one": "f1"}])
        assert (await connection.execute(_DELETE, {"one": "f1"})).rowcount == 0
        assert (await connection.execute(_DELETE, {"one": "f2"})).rowcount == 1


async def test_a_statement_made_of_one_that_ran_has_its_own_columns(database: Database) -> None:
    """RETURNING added to it, or a condition, whatever was remembered of the first."""
    async with database.write() as connection:
        for number in range(3):
            await connection.execute(_INSERT, fact(f"a{number}"))
        returning = _INSERT.returning(facts)
        for number in range(3):
            row = (await connection.execute(returning, fact(f"b{number}"))).one()
            assert (row.id, row.at, row.data) == (f"b{number}", AT, {"ñ": [1, None]})
        narrowed = _OF_KIND.where(facts.c.id == "a1").with_only_columns(facts.c.at)
        for _ in range(3):
            assert (await connection.execute(narrowed, {"kind": "k"})).all() == [(AT,)]
        many = await connection.execute(returning, [fact("c0"), fact("c1")])
        assert {row.id for row in many} == {"c0", "c1"}


async def test_a_refusal_is_the_same_each_time(database: Database) -> None:
    """A broken constraint raises IntegrityError, and its transaction leaves nothing."""
    async with database.write() as connection:
        await connection.execute(_INSERT, fact("there"))

    async def insert_both(name: str) -> None:
        async with database.write() as connection:
            await connection.execute(_INSERT, fact(name))
            await connection.execute(_INSERT, fact("there"))

    for number in range(3):
        with pytest.raises(IntegrityError):
            await insert_both(f"new{number}")
    async with database.read() as connection:
        assert len((await connection.execute(_OF_KIND, {"kind": "k"})).all()) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_runs_again_passes_sqlalchemy_by(database: Database) -> None:
    """On SQLite; but not what SQLAlchemy makes anew each time."""
    async with database.read() as connection:
        again = [isinstance(await connection.execute(_OF_KIND, {"kind": "k"}), Rows) for _ in range(3)]
        listed = [isinstance(await connection.execute(_OF_KINDS, {"kinds": ["k"]}), Rows) for _ in range(3)]
    assert again == [False, True, True]
    assert listed == [False, True, True]
