"""How SQLite finds what the statements of a message ask for: by an index, however long the tables have grown.

A condition of an index whose values are bound in the query, or are said otherwise there, is used by no query; nothing
fails by that, all only gets slower with every message.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from sqlalchemy import text

from bridge.deliveries import claims
from bridge.storage import sqlite
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, LUCIA, Clinic

_GROWING = (
    r"\b(sends|facts|timeline|inbox|deliveries|live_events|conversations|room_members|care_relationships"
    r"|e2ee_(?!own_devices)\w+)\b"
)
_SCAN = re.compile(rf"SCAN {_GROWING}(?! USING (COVERING )?INDEX)|SEARCH {_GROWING} .*\(rowid[<>]")


@contextmanager
def _collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The statements that are executed meanwhile, each with values that were bound."""
    found: dict[str, Any] = {}

    class Keeping(sqlite.Cursor):
        def execute(self, sql: str, parameters: Any = ()) -> Self:
            found[sql] = parameters
            return super().execute(sql, parameters)

        def executemany(self, sql: str, rows: Any) -> Self:
            found[sql] = next(iter(rows))
            return super().executemany(sql, rows)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite.Connection, "cursor", lambda self: sqlite3.Connection.cursor(self, Keeping))
        yield found


async def _plan(database: Database, statement: str, parameters: Any) -> list[str]:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row.detail for row in rows]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_message_and_what_waits_are_found_by_indexes(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending, the echo, the history and the jobs that look for what waits read no growing table as a whole."""
    with _collected(monkeypatch) as statements:
        for number in range(3):
            await clinic.main.messages.send(
                sender=LUCIA,
                conversation_id=None,
                recipient=GARCIA,
                body="hola",
                reply_to=None,
                operation_id=f"operation {number}",
            )
            await clinic.push()
        (room_id,) = clinic.homeserver.rooms
        await clinic.main.messages.history(reader=LUCIA, conversation_id=room_id, limit=10, before=None)
        await clinic.main.outbox.deliver_waiting()
        await clinic.main.conversations.reconcile_due()
        await clinic.main.introductions.introduce()
        async with clinic.database.write() as connection:
            await claims.claim(connection, sealer=clinic.sealer, channel="email", now=clinic.clock(), most=9)
    asked = {one: bound for one, bound in statements.items() if re.match("SELECT|UPDATE|DELETE", one)}
    assert len(asked) > 20
    plans = {one: await _plan(clinic.database, one, bound) for one, bound in asked.items()}
    assert {one: plan for one, plan in plans.items() if _SCAN.search("\n".join(plan))} == {}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_scan_would_be_seen(database: Database) -> None:
    """The same look at a statement that has no index finds it."""
    async with database.read() as connection:
        await connection.execute(text("SELECT seq FROM sends WHERE sender = 'x'"))
    assert _SCAN.search("\n".join(await _plan(database, "SELECT seq FROM sends WHERE sender = ?", ("x",))))
    bound = "SELECT seq FROM sends WHERE state IN (?, ?) AND room_id = ? AND seq <= 5"
    assert _SCAN.search("\n".join(await _plan(database, bound, ("a", "b", "c"))))
