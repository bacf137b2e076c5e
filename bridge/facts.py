"""The append-only table of what happened.

Every effect outside the database follows from a fact, whose id is derived from what it announces: appending
the same fact twice is harmless, so a caller that is retried after a crash repeats nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.facts import facts
from bridge.storage.statements import insert_once

_ONE = select(facts.c.id, facts.c.kind, facts.c.subject, facts.c.at, facts.c.data).where(
    facts.c.id == bindparam("one")
)


@dataclass(frozen=True)
class Fact:
    """Something that happened. `data` holds opaque ids and states only: no words or names of people."""

    id: str
    kind: str
    subject: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


async def append(connection: AsyncConnection, fact: Fact) -> bool:
    """Record the fact; False when it was there already."""
    return await insert_once(
        connection, facts, id=fact.id, kind=fact.kind, subject=fact.subject, at=fact.at, data=fact.data
    )


async def find(connection: AsyncConnection, fact_id: str) -> Fact | None:
    """The fact with this id, if that has happened."""
    row = (await connection.execute(_ONE, {"one": fact_id})).one_or_none()
    return None if row is None else Fact(*row)
