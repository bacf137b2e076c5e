"""API keys of integrators: `vc_{id}_{secret}`. The secret is shown once; only its SHA-256 is stored.

A secret has 256 random bits, so a plain hash is enough: there is nothing to guess.
"""

import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import ApiKeyNotFoundError, BadCredentialsError
from bridge.storage.apikeys import api_keys
from bridge.storage.people import people

Scope = Literal["messages", "video", "appointments", "care", "webhooks", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_TOKEN = re.compile(r"vc_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_ALL = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
# One look-up answers both questions of a request: who calls, and may they act for this person.
_CALLER = (
    select(api_keys, people.c.user_id.is_not(None).label("acting_managed"))
    .select_from(
        api_keys.outerjoin(
            people,
            (people.c.user_id == bindparam("acting_for"))
            & people.c.managed
            & people.c.deactivated_at.is_(None),
        )
    )
    .where(api_keys.c.id == bindparam("key_id"))
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key: everything but its secret."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request; `acting_managed` says whether the person they act for is a managed user."""

    key: ApiKey
    acting_managed: bool


async def create(
    connection: AsyncConnection,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key and the token to give to its holder, which can't be shown again."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        name=name,
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    await connection.execute(
        insert(api_keys).values(
            id=key_id,
            name=name,
            secret_sha256=_hash(secret),
            scopes=sorted(key.scopes),
            created_at=now,
            expires_at=expires_at,
        )
    )
    return key, f"vc_{key_id}_{secret}"


async def list_keys(connection: AsyncConnection) -> Sequence[ApiKey]:
    """Every key, oldest first, expired and revoked ones too."""
    return [_key(row) for row in await connection.execute(_ALL)]


async def revoke(connection: AsyncConnection, *, key_id: str, now: datetime) -> None:
    """The key opens nothing from now on. May be repeated. Raises ApiKeyNotFoundError."""
    known = await connection.execute(select(api_keys.c.revoked_at).where(api_keys.c.id == key_id))
    row = known.one_or_none()
    if row is None:
        raise ApiKeyNotFoundError(key_id)
    if row.revoked_at is None:
        await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=now))


async def authenticate(
    connection: AsyncConnection, *, token: str, acting_for: str | None, now: datetime
) -> Caller:
    """Whose token this is. Raises BadCredentialsError saying `invalid`, `expired` or `revoked`."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadCredentialsError("invalid")
    found = await connection.execute(_CALLER, {"key_id": match[1], "acting_for": acting_for})
    row = found.one_or_none()
    if row is None or not hmac.compare_digest(row.secret_sha256, _hash(match[2])):
        raise BadCredentialsError("invalid")
    if row.revoked_at is not None:
        raise BadCredentialsError("revoked")
    if row.expires_at is not None and row.expires_at <= now:
        raise BadCredentialsError("expired")
    return Caller(key=_key(row), acting_managed=bool(row.acting_managed))


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
