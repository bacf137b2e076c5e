"""bridge/states/undelivered.py: how much is read of many undelivered messages, and by which index."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import CursorResult, Engine

from bridge.states import undelivered
from bridge.states.undelivered import messages_of
from bridge.storage.conversations import timeline
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, JUAN, LUCIA
from tests.bridge.clock import Clock

ROOMS = [f"!room{number}:portal.example" for number in range(5)]
GROUPS = {(room_id, sender) for room_id in ROOMS for sender in (LUCIA, GARCIA)}


class CountingConnection:
    """A connection that keeps how many rows each of its statements returned."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.read: list[int] = []

    async def execute(self, statement: Any) -> Sequence[Any]:
        """As the connection's, all rows at once."""
        rows: Sequence[Any] = (await self._connection.execute(statement)).all()
        self.read.append(len(rows))
        return rows


async def _written(database: Database) -> list[tuple[int, str, str]]:
    """In every room ten messages of each of three people, mixed: place, room and sender."""
    rows = [
        {"event_id": f"${number}-{room_id}-{sender}", "room_id": room_id, "sender": sender}
        for number in range(10)
        for room_id in ROOMS
        for sender in (LUCIA, JUAN, GARCIA)
    ]
    async with database.write() as connection:
        await connection.execute(
            insert(timeline), [{**row, "sent_at": Clock().at, "is_message": True} for row in rows]
        )
        found = await connection.execute(timeline.select().order_by(timeline.c.seq))
        return [(row.seq, row.room_id, row.sender) for row in found]


async def test_no_more_is_read_than_is_asked_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first messages of the groups, and of nobody else, in order; of each part at most so many rows."""
    monkeypatch.setattr(undelivered, "_AT_ONCE", 3)
    written = await _written(database)
    for groups in (GROUPS, {(ROOMS[0], LUCIA), (ROOMS[0], GARCIA), (ROOMS[3], JUAN)}, set[tuple[str, str]]()):
        for after in (0, written[40][0]):
            wanted = [one for one in written if one[0] > after and one[1:] in groups][:7]
            async with database.read() as connection:
                counting: Any = CountingConnection(connection)
                found = await messages_of(counting, groups, after=after, most=7)
            assert [(row.seq, row.room_id, row.sender) for row in found] == wanted
            assert len(counting.read) == -(-len(groups) // 3)
            assert all(count <= 7 for count in counting.read)


@contextmanager
def _collected() -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []

    def keep(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def test_what_was_delivered_long_ago_is_not_read(sqlite_database: Database) -> None:
    """SQLite finds them by the index of what is undelivered, not from the beginning of the timeline."""
    async with sqlite_database.read() as connection:
        with _collected() as asked:
            await messages_of(connection, GROUPS, after=0, most=7)
        ((statement, parameters),) = asked
        plan: CursorResult[Any] = await connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", parameters
        )
        assert any("USING INDEX ix_timeline_undelivered" in row.detail for row in plan)
