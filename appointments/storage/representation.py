"""The table of representations and the statements over it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.representation import SCOPES, Representation
from appointments.storage.schema import Instant, metadata

representations = Table(
    "representations",
    metadata,
    Column("patient", Text, primary_key=True),
    Column("representative", Text, primary_key=True),
    *(Column(scope, Boolean, nullable=False) for scope in SCOPES),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("reason_sealed", LargeBinary, nullable=True),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_representations_representative", representations.c.representative)

_c = representations.c
_ALL = select(
    _c.patient, _c.representative, *(_c[scope] for scope in SCOPES), _c.starts_at, _c.ends_at
).order_by(_c.patient, _c.representative)
_ONE = _ALL.where(_c.patient == bindparam("patient"), _c.representative == bindparam("representative"))
_OF_PATIENTS = _ALL.where(_c.patient.in_(bindparam("patients", expanding=True)))


@cache
def _where(*names: str) -> Select[*tuple[Any, ...]]:
    """Built once: every message asks."""
    return _ALL.where(*(_c[name] == bindparam(name) for name in names))


def _representation(row: Row[*tuple[Any, ...]]) -> Representation:
    return Representation(
        patient=row.patient,
        representative=row.representative,
        scopes=frozenset(scope for scope in SCOPES if getattr(row, scope)),
        starts=row.starts_at,
        ends=row.ends_at,
    )


async def find(connection: AsyncConnection, *, patient: str, representative: str) -> Representation | None:
    """What is known of this person as this patient's representative."""
    key = {"patient": patient, "representative": representative}
    row = (await connection.execute(_ONE, key)).one_or_none()
    return None if row is None else _representation(row)


async def find_for_update(
    connection: AsyncConnection, *, patient: str, representative: str
) -> Representation | None:
    """The same, with its row locked until the transaction ends."""
    key = {"patient": patient, "representative": representative}
    row = (await connection.execute(_ONE.with_for_update(), key)).one_or_none()
    return None if row is None else _representation(row)


async def find_all(
    connection: AsyncConnection, *, patient: str | None = None, representative: str | None = None
) -> Sequence[Representation]:
    """Every representation, ended ones too, of this patient and by this representative where given."""
    wanted = {"patient": patient, "representative": representative}
    given = {name: value for name, value in wanted.items() if value is not None}
    return [_representation(row) for row in await connection.execute(_where(*given), given)]


async def find_of_patients(
    connection: AsyncConnection, patients: Collection[str]
) -> Sequence[Representation]:
    """Every representation of these patients, ended ones too."""
    rows = await connection.execute(_OF_PATIENTS, {"patients": list(patients)})
    return [_representation(row) for row in rows]


async def store(
    connection: AsyncConnection,
    representation: Representation,
    *,
    reason_sealed: bytes | None,
    now: datetime,
) -> None:
    """Insert the representation, or replace what was known of it."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values: dict[str, Any] = {scope: scope in representation.scopes for scope in SCOPES}
    values |= {
        "starts_at": representation.starts,
        "ends_at": representation.ends,
        "reason_sealed": reason_sealed,
        "updated_at": now,
    }
    statement = insert(representations).values(
        patient=representation.patient, representative=representation.representative, **values
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["patient", "representative"], set_=values)
    )


async def end(connection: AsyncConnection, representation: Representation, *, now: datetime) -> None:
    """Set the end of a representation to `now`."""
    await connection.execute(
        update(representations)
        .where(
            _c.patient == representation.patient,
            _c.representative == representation.representative,
        )
        .values(ends_at=now, updated_at=now)
    )
