"""Statements that are built once and run again and again: compiled once, then handed straight to SQLite's driver.

A statement of ours takes SQLite a few microseconds, and what SQLAlchemy does around each takes several times that
(ADR 3 has the numbers). What is bound and what is read passes the same types as there, and the driver's errors become
the same exceptions.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Delete, Dialect, Insert, Row, Select, Update
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_KINDS = (Select, Insert, Update, Delete)
_MISSING = object()

Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete
Parameters = dict[str, Any] | list[dict[str, Any]] | None
_Convert = Callable[[Any], Any] | None


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
    """A value that is bound: the caller's by this name, or else the statement's own."""

    name: str
    own: Any
    convert: _Convert

    def of(self, parameters: Mapping[str, Any]) -> Any:
        """The value as the driver takes it. Raises KeyError when nobody gives one."""
        value = parameters[self.name] if self.own is _MISSING else parameters.get(self.name, self.own)
        return value if self.convert is None else self.convert(value)


class Prepared:
    """A compiled statement."""

    def __init__(self, sql: str, values: Sequence[_Value], columns: SimpleResultMetaData) -> None:
        self._sql = sql
        self._values = values
        self._columns = columns
        index = columns._key_to_index  # noqa: SLF001 — a row wants its parent's
        self._made = partial(Row, columns, columns._effective_processors, index)  # noqa: SLF001

    @property
    def gives_rows(self) -> bool:
        """Whether it does, which the driver refuses for many parameters."""
        return bool(self._columns.keys)

    def run(self, driver: sqlite3.Connection, parameters: Parameters) -> Rows:
        """Run it, once or for each of a list of parameters. Raises what SQLAlchemy does."""
        cursor = driver.cursor()
        try:
            if isinstance(parameters, list):
                cursor.executemany(self._sql, [self._bound(one) for one in parameters])
            else:
                cursor.execute(self._sql, self._bound(parameters or {}))
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise as_sqlalchemy_raises(error, self._sql) from error
        return Rows(self._columns, rows, made=self._made, rowcount=cursor.rowcount)

    def _bound(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([value.of(parameters) for value in self._values])


class PreparedStatements:
    """The prepared statements of one database, as long as the statements themselves live."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Statement, dict[tuple[str, ...], Prepared | None]] = (
            WeakKeyDictionary()
        )

    def find(self, statement: Any, parameters: Any) -> Prepared | None:
        """The statement, prepared for parameters of these names.

        None for what is better left to SQLAlchemy: what runs for the first time, and maybe the last, and what
        SQLAlchemy makes differently each time it runs.
        """
        if not isinstance(statement, _KINDS):
            return None
        known = self._known.get(statement)
        if known is None:
            self._known[statement] = {}
            return None
        if isinstance(parameters, list):
            prepared = self._prepared(statement, known, parameters[0]) if parameters else None
            return None if prepared is None or prepared.gives_rows else prepared
        if parameters is None or isinstance(parameters, dict):
            return self._prepared(statement, known, parameters or {})
        return None

    def _prepared(
        self,
        statement: Statement,
        known: dict[tuple[str, ...], Prepared | None],
        parameters: Mapping[str, Any],
    ) -> Prepared | None:
        names = tuple(parameters)
        if names not in known:
            known[names] = self._prepare(statement, names)
        return known[names]

    def _prepare(self, statement: Statement, names: tuple[str, ...]) -> Prepared | None:
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=sorted(names))
        if _differs_each_time(compiled):
            return None
        values = [self._value(compiled, name) for name in compiled.positiontup]
        columns = compiled._result_columns  # noqa: SLF001 — no public name says what this very SQL gives
        converts = [self._impl(column.type).result_processor(self._dialect, None) for column in columns]
        keys = [column.keyname for column in columns]
        return Prepared(compiled.string, values, SimpleResultMetaData(keys, _processors=converts))

    def _value(self, compiled: SQLCompiler, name: str) -> _Value:
        bind = compiled.binds[name]
        own = _MISSING if bind.required else bind.effective_value
        return _Value(bind.key, own, self._impl(bind.type).bind_processor(self._dialect))

    def _impl(self, kind: TypeEngine[Any]) -> TypeEngine[Any]:
        return kind.dialect_impl(self._dialect)


def as_sqlalchemy_raises(error: sqlite3.Error, sql: str) -> Exception:
    """The exception that SQLAlchemy makes of the driver's; it quotes no values."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)


def _differs_each_time(compiled: SQLCompiler) -> bool:
    return bool(
        compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.insert_prefetch
        or compiled.update_prefetch
    )
