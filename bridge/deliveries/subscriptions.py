"""The browsers that take pushes, each for the person who subscribed in it last."""

import json
import secrets
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.deliveries.webpush import Subscription, decode, encode
from bridge.storage.push_subscriptions import push_subscriptions
from bridge.storage.statements import insert_once

_c = push_subscriptions.c
_OF_PEOPLE = (
    select(_c.person, _c.id).where(_c.person.in_(bindparam("people", expanding=True))).order_by(_c.id)
)


async def add(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    person: str,
    endpoint: str,
    p256dh: bytes,
    auth: bytes,
    most: int,
    now: datetime,
) -> str:
    """From now on this browser takes this person's pushes: the new id. Whoever had it before has it no more.

    She has `most` browsers: beyond that the oldest ones take none any more.
    """
    endpoint_sha256 = sha256(endpoint.encode()).digest()
    made = secrets.token_urlsafe(24)
    content = {"endpoint": endpoint, "p256dh": encode(p256dh), "auth": encode(auth)}
    await connection.execute(delete(push_subscriptions).where(_c.endpoint_sha256 == endpoint_sha256))
    await insert_once(
        connection,
        push_subscriptions,
        id=made,
        person=person,
        endpoint_sha256=endpoint_sha256,
        sealed=sealer.seal(json.dumps(content).encode(), context=_context(made)),
        created_at=now,
    )
    hers = select(_c.id).where(_c.person == person, _c.id != made)
    newest_others = hers.order_by(_c.created_at.desc()).limit(most - 1)
    others = delete(push_subscriptions).where(_c.person == person, _c.id != made)
    await connection.execute(others.where(_c.id.not_in(newest_others)))
    return made


async def remove(connection: AsyncConnection, *, person: str, subscription_id: str) -> None:
    """The person takes no pushes there any more. May be repeated; somebody else's stays."""
    await connection.execute(delete(push_subscriptions).where(_c.id == subscription_id, _c.person == person))


async def forget(connection: AsyncConnection, subscription_id: str) -> None:
    """The push service doesn't know it any more."""
    await connection.execute(delete(push_subscriptions).where(_c.id == subscription_id))


async def get(connection: AsyncConnection, *, sealer: Sealer, subscription_id: str) -> Subscription | None:
    """The subscription, if it is (still) there."""
    query = select(_c.sealed).where(_c.id == subscription_id)
    sealed = (await connection.execute(query)).scalar_one_or_none()
    if sealed is None:
        return None
    content = json.loads(sealer.open(sealed, context=_context(subscription_id)))
    return Subscription(
        id=subscription_id,
        endpoint=content["endpoint"],
        p256dh=decode(content["p256dh"]),
        auth=decode(content["auth"]),
    )


async def people_of(connection: AsyncConnection, subscription_ids: Collection[str]) -> dict[str, str]:
    """Whose these are, of those that there are."""
    query = select(_c.id, _c.person).where(_c.id.in_(subscription_ids))
    return {row.id: row.person for row in await connection.execute(query)}


async def ids_of(connection: AsyncConnection, people: Collection[str]) -> list[tuple[str, str]]:
    """The subscriptions of these people: person and id."""
    found = await connection.execute(_OF_PEOPLE, {"people": list(people)})
    return [(row.person, row.id) for row in found]


def _context(subscription_id: str) -> str:
    return f"push_subscriptions:{subscription_id}"
