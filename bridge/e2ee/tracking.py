"""Whom we follow, and about whom we are not up to date (see device_lists.py)."""

from collections.abc import Collection, Iterable
from dataclasses import asdict

from sqlalchemy import bindparam, case, false, func, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import sessions
from bridge.e2ee.identities import DeviceIdentity
from bridge.e2ee.rows import insert_missing_rows, upsert_rows
from bridge.storage.e2ee import known_devices, tracked_users
from bridge.storage.statements import insert_once

_CHANGED = (
    select(tracked_users.c.user_id)
    .where(
        tracked_users.c.pinned_master.is_not(None),
        tracked_users.c.master_key.is_distinct_from(tracked_users.c.pinned_master),
    )
    .order_by(tracked_users.c.user_id)
)
_OF_THESE_CHANGED = _CHANGED.where(tracked_users.c.user_id.in_([bindparam("one"), bindparam("other")]))
_BEHIND = select(tracked_users.c.user_id).where(
    tracked_users.c.followed, tracked_users.c.fetched < tracked_users.c.generation
)


async def follow(connection: AsyncConnection, users: Collection[str], *, ask_again: bool = False) -> None:
    """Begin to follow these users; ask for the devices of those who are new, or of all of them."""
    new = {"followed": True, "generation": 1, "fetched": 0}
    empty = {"master_key": None, "pinned_master": None, "self_signing_key": None}
    rows = [{"user_id": user_id} | new | empty for user_id in sorted(users)]
    await insert_missing_rows(connection, tracked_users, rows)
    stale = true() if ask_again else tracked_users.c.followed.is_(False)
    await connection.execute(
        update(tracked_users)
        .where(tracked_users.c.user_id.in_(users), stale)
        .values(followed=True, generation=tracked_users.c.generation + 1)
    )


async def follow_own(
    connection: AsyncConnection,
    user_id: str,
    *,
    master_key: str,
    self_signing_key: str,
    device: DeviceIdentity,
) -> None:
    """Begin to follow one of our users, whose identity and device we know without asking."""
    tracked = {
        "user_id": user_id,
        "followed": True,
        "generation": 1,
        "fetched": 1,
        "master_key": master_key,
        "pinned_master": master_key,
        "self_signing_key": self_signing_key,
    }
    if not await insert_once(connection, tracked_users, **tracked):
        await follow(connection, [user_id], ask_again=True)  # somebody asked before there was a device
    known = {"user_id": user_id, "deleted": False} | asdict(device)
    await upsert_rows(connection, known_devices, [known])


async def needs_asking(connection: AsyncConnection, users: Collection[str]) -> bool:
    """Whether we don't follow one of these users, or are not up to date about her."""
    query = select(func.count()).where(
        tracked_users.c.user_id.in_(users),
        tracked_users.c.followed,
        tracked_users.c.fetched >= tracked_users.c.generation,
    )
    return await connection.scalar(query) != len(set(users))


async def mark_changed(
    connection: AsyncConnection, *, changed: Collection[str], left: Collection[str]
) -> None:
    """Note that followed users' devices changed, and that we won't hear of changes of those who left."""
    both = {*changed, *left}
    leaving = (
        case((tracked_users.c.user_id.in_(left), false()), else_=true()) if left else literal(value=True)
    )
    updated = await connection.execute(
        update(tracked_users)
        .where(tracked_users.c.user_id.in_(both), tracked_users.c.followed)
        .values(generation=tracked_users.c.generation + 1, followed=leaving)
    )
    if updated.rowcount:
        await sessions.want_sharing(connection, both, current_only=True)


async def mark_all_changed(connection: AsyncConnection) -> None:
    """Note that changes may have been missed: everybody's devices are to be asked for."""
    query = select(tracked_users.c.user_id).where(tracked_users.c.followed)
    await mark_changed(connection, changed=(await connection.scalars(query)).all(), left=[])


async def users_behind(connection: AsyncConnection) -> list[str]:
    """The followed users about whom we are not up to date."""
    return list((await connection.scalars(_BEHIND)).all())


async def changed_identities(connection: AsyncConnection) -> list[str]:
    """Users whose published identity is no longer the one we saw first."""
    return list((await connection.scalars(_CHANGED)).all())


async def has_changed_identity(connection: AsyncConnection, one: str, other: str) -> bool:
    """Whether one of these two is such a user."""
    found = await connection.execute(_OF_THESE_CHANGED, {"one": one, "other": other})
    return found.first() is not None


async def published_identity(connection: AsyncConnection, user_id: str) -> str | None:
    """The master key that this user publishes, as far as we have heard; None when there is none."""
    key: str | None = await connection.scalar(
        select(tracked_users.c.master_key).where(tracked_users.c.user_id == user_id)
    )
    return key


async def pin_again(connection: AsyncConnection, user_id: str, *, master_key: str | None) -> bool:
    """Accept a changed identity: pin this one, and ask again. False when it is not what is published any more."""
    pinned = await connection.execute(
        update(tracked_users)
        .where(
            tracked_users.c.user_id == user_id, tracked_users.c.master_key.is_not_distinct_from(master_key)
        )
        .values(pinned_master=master_key, followed=True, generation=tracked_users.c.generation + 1)
    )
    return pinned.rowcount == 1


async def behind(connection: AsyncConnection, users: Iterable[str]) -> dict[str, int]:
    """Those of these users, followed, about whom we are not up to date, and their generation."""
    query = select(tracked_users.c.user_id, tracked_users.c.generation).where(
        tracked_users.c.user_id.in_(list(users)),
        tracked_users.c.followed,
        tracked_users.c.fetched < tracked_users.c.generation,
    )
    return {row.user_id: row.generation for row in await connection.execute(query)}
