"""The table of care relationships and the statements over it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    bindparam,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.care import CareRelationship
from appointments.storage.departures import departures
from appointments.storage.schema import Instant, metadata

care_relationships = Table(
    "care_relationships",
    metadata,
    Column("patient", Text, primary_key=True),
    Column("professional", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("reason_sealed", LargeBinary, nullable=True),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_care_relationships_professional", care_relationships.c.professional)

_c = care_relationships.c


def has_left() -> ColumnElement[bool]:
    """Whether the professional of a row has left since it was entered: who is entered again is back."""
    return exists().where(departures.c.user_id == _c.professional, departures.c.at >= _c.updated_at)


_CARE = select(
    _c.patient, _c.professional, _c.role, _c.starts_at, _c.ends_at, has_left().label("departed")
).order_by(_c.patient, _c.professional)
_ONE = _CARE.where(_c.patient == bindparam("patient"), _c.professional == bindparam("professional"))
_OF = _CARE.where(
    or_(
        _c.patient.in_(bindparam("patients", expanding=True)),
        _c.professional == bindparam("professional"),
    )
)
_OPEN_OF = _CARE.where(
    _c.professional == bindparam("professional"), or_(_c.ends_at.is_(None), _c.ends_at > bindparam("now"))
)


def _care(row: Row[*tuple[Any, ...]]) -> CareRelationship:
    return CareRelationship(
        patient=row.patient,
        professional=row.professional,
        role=row.role,
        starts=row.starts_at,
        ends=row.ends_at,
        departed=bool(row.departed),
    )


async def find(connection: AsyncConnection, *, patient: str, professional: str) -> CareRelationship | None:
    """The relationship of these two."""
    found = await connection.execute(_ONE, {"patient": patient, "professional": professional})
    row = found.one_or_none()
    return None if row is None else _care(row)


async def find_for_update(
    connection: AsyncConnection, *, patient: str, professional: str
) -> CareRelationship | None:
    """The relationship of these two, its row locked until the transaction ends."""
    found = await connection.execute(
        _ONE.with_for_update(), {"patient": patient, "professional": professional}
    )
    row = found.one_or_none()
    return None if row is None else _care(row)


async def find_of(
    connection: AsyncConnection, *, patients: Collection[str], professional: str
) -> Sequence[CareRelationship]:
    """Every relationship of any of these patients, or of this professional."""
    people = {"patients": list(patients), "professional": professional}
    return [_care(row) for row in await connection.execute(_OF, people)]


async def find_open_of(
    connection: AsyncConnection, *, professional: str, now: datetime
) -> Sequence[CareRelationship]:
    """The relationships of this professional that have not ended yet."""
    rows = await connection.execute(_OPEN_OF, {"professional": professional, "now": now})
    return [_care(row) for row in rows]


async def find_all(
    connection: AsyncConnection, *, patient: str | None, professional: str | None
) -> Sequence[CareRelationship]:
    """Every relationship, of this patient and this professional where given."""
    statement = _CARE
    if patient is not None:
        statement = statement.where(_c.patient == patient)
    if professional is not None:
        statement = statement.where(_c.professional == professional)
    return [_care(row) for row in await connection.execute(statement)]


async def find_reason(connection: AsyncConnection, *, patient: str, professional: str) -> bytes | None:
    """The sealed reason of a relationship; None when there is none."""
    statement = select(_c.reason_sealed).where(_c.patient == patient, _c.professional == professional)
    sealed: bytes | None = (await connection.execute(statement)).scalar_one_or_none()
    return sealed


async def store(
    connection: AsyncConnection, care: CareRelationship, *, reason_sealed: bytes | None, now: datetime
) -> None:
    """Insert the relationship, or replace what was known of it."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {
        "role": care.role,
        "starts_at": care.starts,
        "ends_at": care.ends,
        "reason_sealed": reason_sealed,
        "updated_at": now,
    }
    statement = insert(care_relationships).values(
        patient=care.patient, professional=care.professional, **values
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["patient", "professional"], set_=values)
    )


async def end(connection: AsyncConnection, care: CareRelationship, *, now: datetime) -> None:
    """Set the end of a relationship to `now`."""
    await connection.execute(
        update(care_relationships)
        .where(_c.patient == care.patient, _c.professional == care.professional)
        .values(ends_at=now, updated_at=now)
    )
