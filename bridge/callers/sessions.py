"""Sessions of people at the API: opaque tokens `vs_{secret}`, of which only the SHA-256 is stored.

A secret has 256 random bits: there is nothing to guess, and the time of a look-up by its hash tells nothing of it.

- `own`: made with a Matrix OpenID token, by a person with a Matrix client. Gives no content: that token has no
  audience, so any widget that was given one could have made the session.
- `managed`: made by an API key for the browser of a managed user. Can do what that key can do for this user, and
  ends with the key, with the user's deactivation, and when the person takes the account over.

What a person may do is not in the session: it is looked up with each request.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import BadCredentialsError
from bridge.storage.apikeys import api_keys
from bridge.storage.people import people
from bridge.storage.sessions import sessions

SessionKind = Literal["own", "managed"]

PREFIX = "vs_"
_TOKEN = re.compile(r"vs_[A-Za-z0-9_-]{43}")
# So long a session is remembered after its end: an OpenID token must not make another when that was revoked.
_REMEMBERED = timedelta(hours=24)

_c = sessions.c
_FOUND = (
    select(
        sessions,
        people.c.managed,
        people.c.deactivated_at,
        api_keys.c.scopes,
        api_keys.c.expires_at.label("key_expires_at"),
        api_keys.c.revoked_at.label("key_revoked_at"),
    )
    .select_from(
        sessions.outerjoin(people, people.c.user_id == _c.user_id).outerjoin(
            api_keys, api_keys.c.id == _c.key_id
        )
    )
    .where(_c.token_sha256 == bindparam("token_sha256"))
)
_REVOKED_OF = select(_c.user_id).where(
    _c.openid_sha256 == bindparam("openid_sha256"), _c.revoked_at.is_not(None)
)
_PERSON = select(people.c.managed, people.c.deactivated_at).where(people.c.user_id == bindparam("user"))
_DEACTIVATED = select(people.c.user_id).where(
    people.c.user_id == bindparam("user"), people.c.deactivated_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is good now. `scopes` are the API key's that made it; an `own` session has none."""

    user_id: str
    kind: SessionKind
    expires_at: datetime
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was just made; `token` can't be shown again."""

    token: str
    user_id: str
    expires_at: datetime


async def create_own(
    connection: AsyncConnection, *, user_id: str, openid_token: str, ttl: timedelta, now: datetime
) -> NewSession:
    """A session for the person whom this OpenID token belongs to, which the caller has checked.

    Raises BadCredentialsError (`revoked`) for a deactivated person, and when a session made with the same token
    was revoked: whoever logs out is logged out, even if that token was copied on its way.
    """
    openid_sha256 = _hash(openid_token)
    revoked = await connection.execute(_REVOKED_OF, {"openid_sha256": openid_sha256})
    deactivated = await connection.execute(_DEACTIVATED, {"user": user_id})
    if revoked.first() is not None or deactivated.first() is not None:
        raise BadCredentialsError("revoked")
    return await _create(connection, user_id=user_id, openid_sha256=openid_sha256, ttl=ttl, now=now)


async def create_managed(
    connection: AsyncConnection, *, user_id: str, key_id: str, ttl: timedelta, now: datetime
) -> NewSession:
    """A session for the browser of a managed user, made by this API key; the caller has checked that both are."""
    return await _create(connection, user_id=user_id, key_id=key_id, ttl=ttl, now=now)


async def authenticate(connection: AsyncConnection, *, token: str, now: datetime) -> Session:
    """Whose token this is. Raises BadCredentialsError saying `invalid`, `expired` or `revoked`."""
    if _TOKEN.fullmatch(token) is None:
        raise BadCredentialsError("invalid")
    row = (await connection.execute(_FOUND, {"token_sha256": _hash(token)})).one_or_none()
    if row is None:
        raise BadCredentialsError("invalid")
    if row.revoked_at is not None or row.deactivated_at is not None:
        raise BadCredentialsError("revoked")
    if row.expires_at <= now:
        raise BadCredentialsError("expired")
    if row.key_id is None:
        return Session(user_id=row.user_id, kind="own", expires_at=row.expires_at)
    return _of_key(row, now)


async def of_person(
    connection: AsyncConnection, *, user_id: str, scopes: frozenset[str], expires_at: datetime
) -> Session:
    """What somebody may do whom the portal's identity provider has named: as in a session that never was made.

    `scopes` are a managed user's. Raises BadCredentialsError (`revoked`) for a deactivated person.
    """
    row = (await connection.execute(_PERSON, {"user": user_id})).one_or_none()
    if row is not None and row.deactivated_at is not None:
        raise BadCredentialsError("revoked")
    if row is None or not row.managed:
        return Session(user_id=user_id, kind="own", expires_at=expires_at)
    return Session(user_id=user_id, kind="managed", expires_at=expires_at, scopes=scopes)


def _of_key(row: Row[*tuple[Any, ...]], now: datetime) -> Session:
    key_is_good = (
        row.scopes is not None
        and row.key_revoked_at is None
        and (row.key_expires_at is None or now < row.key_expires_at)
    )
    if not row.managed or not key_is_good:
        raise BadCredentialsError("revoked")
    return Session(
        user_id=row.user_id, kind="managed", expires_at=row.expires_at, scopes=frozenset(row.scopes)
    )


async def revoke(connection: AsyncConnection, *, token: str, now: datetime) -> None:
    """The session opens nothing from now on. May be repeated."""
    await connection.execute(
        update(sessions)
        .where(_c.token_sha256 == _hash(token), _c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def revoke_all(connection: AsyncConnection, user_id: str, now: datetime) -> int:
    """Every session of this person opens nothing from now on; how many that are. May be repeated."""
    statement = (
        update(sessions)
        .where(_c.user_id == user_id, _c.revoked_at.is_(None), _c.expires_at > now)
        .values(revoked_at=now)
    )
    return (await connection.execute(statement)).rowcount


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget sessions that ended a day ago; how many they were."""
    return (await connection.execute(delete(sessions).where(_c.expires_at <= now - _REMEMBERED))).rowcount


async def _create(
    connection: AsyncConnection, *, user_id: str, ttl: timedelta, now: datetime, **origin: Any
) -> NewSession:
    token = PREFIX + secrets.token_urlsafe(32)
    values: Mapping[str, Any] = {
        "token_sha256": _hash(token),
        "user_id": user_id,
        "created_at": now,
        "expires_at": now + ttl,
    }
    await connection.execute(insert(sessions).values({**values, **origin}))
    return NewSession(token=token, user_id=user_id, expires_at=now + ttl)


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
