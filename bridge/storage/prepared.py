"""Statements that are built once and run again and again: compiled once, then handed straight to SQLite's driver.

A statement of ours takes SQLite a few microseconds, and what SQLAlchemy does around each takes several times that
(ADR 3 has the numbers). What is bound and what is read passes the same types as there, and the driver's errors become
the same exceptions.

One that takes lists (`IN`) is compiled for lists of 1, 2, 4, 8 ... values; the last value of a shorter one is given
again, which changes nothing.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Delete, Dialect, Insert, Row, Select, Update
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_KINDS = (Select, Insert, Update, Delete)
_LONGEST_LIST = 1024

Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete
Parameters = dict[str, Any] | list[dict[str, Any]] | None
_Convert = Callable[[Any], Any] | None
_Names = tuple[str, ...]
_Shape = tuple[tuple[str, int], ...]
"""The parameters' names, and the lengths that their lists are bound with."""

_Known = dict[_Names | _Shape, "Prepared | None"]
"""Under the names alone what takes no lists."""


_Row = Row[*tuple[Any, ...]]


class Rows(IteratorResult[*tuple[Any, ...]]):
    """What a statement gave: all its rows, and how many it changed. What is mostly asked is answered directly."""

    def __init__(
        self,
        columns: SimpleResultMetaData,
        rows: Sequence[tuple[Any, ...]],
        *,
        made: Callable[[tuple[Any, ...]], _Row],
        rowcount: int,
    ) -> None:
        super().__init__(columns, iter(rows))
        self._rows = rows
        self._made = made
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[_Row]:
        return iter(self.all())

    def all(self) -> Sequence[_Row]:
        """As Result's."""
        return [self._made(row) for row in self._rows]

    def first(self) -> _Row | None:
        """As Result's."""
        return self._made(self._rows[0]) if self._rows else None

    def one_or_none(self) -> _Row | None:
        """As Result's."""
        return self.first() if len(self._rows) <= 1 else super().one_or_none()

    def one(self) -> _Row:
        """As Result's."""
        return self._made(self._rows[0]) if len(self._rows) == 1 else super().one()


class _Value(NamedTuple):
    """A value that is bound: the caller's by this name, or (None) the statement's own, as the driver takes it."""

    name: str | None
    convert: _Convert = None
    own: Any = None


class Prepared:
    """A compiled statement; `takes_lists`: made for lists of these lengths.

    `is_for_many`: it can be run for many parameters; the driver refuses what gives rows, and lists differ in length.
    """

    def __init__(
        self, sql: str, values: Sequence[_Value], columns: SimpleResultMetaData, *, takes_lists: bool
    ) -> None:
        self._sql = sql
        self._values = values
        self._columns = columns
        self._gives_rows = bool(columns.keys)
        self.takes_lists = takes_lists
        self.is_for_many = not self._gives_rows and not takes_lists
        index = columns._key_to_index  # noqa: SLF001 — a row wants its parent's
        self._made = partial(Row, columns, columns._effective_processors, index)  # noqa: SLF001

    def run(self, driver: sqlite3.Connection, parameters: Parameters) -> Rows:
        """Run it, once or for each of a list of parameters. Raises what SQLAlchemy does."""
        cursor = sqlite3.Cursor(driver)
        try:
            if isinstance(parameters, list):
                cursor.executemany(self._sql, [self._bound(one) for one in parameters])
            else:
                cursor.execute(self._sql, self._bound(parameters or {}))
            rows = cursor.fetchall() if self._gives_rows else ()
        except sqlite3.Error as error:
            raise as_sqlalchemy_raises(error, self._sql) from error
        return Rows(self._columns, rows, made=self._made, rowcount=cursor.rowcount)

    def _bound(self, parameters: Mapping[str, Any]) -> list[Any]:
        return [
            own if name is None else parameters[name] if convert is None else convert(parameters[name])
            for name, convert, own in self._values
        ]


class PreparedStatements:
    """The prepared statements of one database, as long as the statements themselves live."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Statement, _Known] = WeakKeyDictionary()

    def find(self, statement: Any, parameters: Any) -> Prepared | None:
        """The statement, prepared for parameters of these names, and lists of about these lengths.

        None for what is better left to SQLAlchemy: what runs for the first time, and maybe the last, and what
        SQLAlchemy makes differently each time it runs.
        """
        known = self._known.get(statement)
        if known is None:
            if isinstance(statement, _KINDS):
                self._known[statement] = {}
            return None
        if isinstance(parameters, list):
            prepared = self._prepared(statement, known, parameters[0]) if parameters else None
            return prepared if prepared is not None and prepared.is_for_many else None
        if parameters is None or isinstance(parameters, dict):
            return self._prepared(statement, known, parameters or {})
        return None

    def _prepared(
        self, statement: Statement, known: _Known, parameters: Mapping[str, Any]
    ) -> Prepared | None:
        names = tuple(parameters)
        prepared = known.get(names)
        if prepared is not None:
            return prepared
        shape = tuple(
            [(name, _room_for(value) if isinstance(value, list) else 0) for name, value in parameters.items()]
        )
        if shape not in known:
            prepared = known[shape] = self._prepare(statement, dict(shape))
            if prepared is not None and not prepared.takes_lists:
                known[names] = prepared
        return known[shape]

    def _prepare(self, statement: Statement, rooms: Mapping[str, int]) -> Prepared | None:
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=sorted(rooms))
        if _differs_each_time(compiled) or not all(_has_room(bind, rooms) for bind in _lists(compiled)):
            return None
        # Only the lengths of what is given here matter.
        expanded = compiled.construct_expanded_state({name: [None] * room for name, room in rooms.items()})
        places = {
            one: (name, place)
            for name, several in expanded.parameter_expansion.items()
            for place, one in enumerate(several)
        }
        values = [
            self._value(compiled, *places.get(name, (name, None)), given=rooms)
            for name in expanded.positiontup
        ]
        columns = compiled._result_columns  # noqa: SLF001 — no public name says what this very SQL gives
        converts = [self._impl(column.type).result_processor(self._dialect, None) for column in columns]
        keys = [column.keyname for column in columns]
        described = SimpleResultMetaData(keys, _processors=converts)
        return Prepared(expanded.statement, values, described, takes_lists=bool(places))

    def _value(
        self, compiled: SQLCompiler, name: str, place: int | None, *, given: Collection[str]
    ) -> _Value:
        bind = compiled.binds[name]
        convert = self._impl(bind.type).bind_processor(self._dialect)
        if place is not None:
            convert = partial(_converted_at, place, convert)
        if bind.key in given or bind.required:
            return _Value(bind.key, convert)
        own = bind.effective_value
        return _Value(None, own=own if convert is None else convert(own))

    def _impl(self, kind: TypeEngine[Any]) -> TypeEngine[Any]:
        return kind.dialect_impl(self._dialect)


def as_sqlalchemy_raises(error: sqlite3.Error, sql: str) -> Exception:
    """The exception that SQLAlchemy makes of the driver's; it quotes no values."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)


def _converted_at(place: int, convert: _Convert, values: Sequence[Any]) -> Any:
    """The value at this place of a list, the last one where it is shorter."""
    value = values[min(place, len(values) - 1)]
    return value if convert is None else convert(value)


def _room_for(values: list[Any]) -> int:
    """The length of the list that this one is bound as; 0 for what SQLAlchemy says itself: none, and too many."""
    length = len(values)
    return 1 << (length - 1).bit_length() if 0 < length <= _LONGEST_LIST else 0


def _lists(compiled: SQLCompiler) -> Iterable[BindParameter[Any]]:
    return [bind for bind in compiled.post_compile_params if bind.expanding]


def _has_room(bind: BindParameter[Any], rooms: Mapping[str, int]) -> bool:
    if bind.required:
        return rooms.get(bind.key, 0) > 0
    return bind.key not in rooms and bool(bind.effective_value)


def _differs_each_time(compiled: SQLCompiler) -> bool:
    return bool(
        compiled.literal_execute_params
        or any(not bind.expanding or bind.type._is_tuple_type for bind in compiled.post_compile_params)  # noqa: SLF001
        or compiled.insert_prefetch
        or compiled.update_prefetch
    )
