"""The devices that the bridge holds, and the pool of their accounts in memory.

A device may be forgotten, made anew or published again by another process, so the database is asked which it
is; what was found last is remembered for those who know that it still holds. An account is costly to open
(one-time keys), so one that was only read is kept, with the version of its row, until it has been idle; one that
is taken for a change is not: if the transaction fails, memory must not be ahead of the database.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import vodozemac
from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.e2ee.account import add_fallback_key
from bridge.e2ee.model import Device
from bridge.matrix.json import JsonObject
from bridge.storage.e2ee import own_devices

FIRST_VERSION = 1

_IDENTITY = (
    own_devices.c.user_id,
    own_devices.c.device_id,
    own_devices.c.curve25519,
    own_devices.c.ed25519,
    own_devices.c.device_keys,
)

_ANY_USER = select(own_devices.c.user_id).where(own_devices.c.published_at.is_not(None)).limit(1)


@dataclass(frozen=True)
class OwnDevice:
    """A device of ours. `device_keys` carry its and its owner's signature."""

    user_id: str
    device_id: str
    curve25519: str
    ed25519: str
    device_keys: JsonObject


@dataclass
class _Loaded:
    account: vodozemac.Account
    version: tuple[str, int]
    used_at: datetime


class Devices:
    """The pool. Accounts idle for longer than `idle` are dropped by `unload_idle`."""

    def __init__(self, *, pickle_key: bytes, idle: timedelta, now: Now) -> None:
        self._pickle_key = pickle_key
        self._idle = idle
        self._now = now
        self._own: dict[str, OwnDevice] = {}
        self._accounts: dict[str, _Loaded] = {}

    async def own(self, connection: AsyncConnection, user_id: str) -> OwnDevice | None:
        """This user's device, once its keys are published."""
        own = await _find(connection, user_id, own_devices.c.published_at.is_not(None))
        if own is None:
            self._own.pop(user_id, None)
        else:
            self._own[user_id] = own
        return own

    async def remembered(self, connection: AsyncConnection, user_id: str) -> OwnDevice | None:
        """This user's device as it was when last asked for: for whoever holds a session of its that is alive."""
        return self._own.get(user_id) or await self.own(connection, user_id)

    async def addressed(self, connection: AsyncConnection, user_id: str, device_id: str) -> OwnDevice | None:
        """The device with this id, published or not yet: messages come as soon as its keys are uploaded."""
        return await _find(connection, user_id, own_devices.c.device_id == device_id)

    async def account(self, connection: AsyncConnection, user_id: str) -> vodozemac.Account:
        """The account of a device of ours, for reading only."""
        return self.opened(user_id, await self._row(connection, user_id, lock=False))

    def opened(self, user_id: str, row: Row[*tuple[Any, ...]]) -> vodozemac.Account:
        """The account in this row of own_devices, for reading only."""
        loaded = self._accounts.get(user_id)
        version = (row.curve25519, row.account_version)
        if loaded is None or loaded.version != version:
            loaded = _Loaded(self.unpickle(row.account), version, self._now())
            self._accounts[user_id] = loaded
        loaded.used_at = self._now()
        return loaded.account

    def made(self, user_id: str, account: vodozemac.Account) -> None:
        """This account was just stored as this user's first one, unless another process was faster."""
        version = (account.curve25519_key.to_base64(), FIRST_VERSION)
        self._accounts[user_id] = _Loaded(account, version, self._now())

    async def take_account(self, connection: AsyncConnection, user_id: str) -> vodozemac.Account:
        """The account to be changed and saved in this write transaction; its row is locked."""
        loaded = self._accounts.pop(user_id, None)
        row = await self._row(connection, user_id, lock=True)
        is_current = loaded is not None and loaded.version == (row.curve25519, row.account_version)
        return loaded.account if loaded is not None and is_current else self.unpickle(row.account)

    async def save_account(
        self, connection: AsyncConnection, user_id: str, account: vodozemac.Account
    ) -> None:
        """Store a taken account."""
        await connection.execute(
            update(own_devices)
            .where(own_devices.c.user_id == user_id)
            .values(account=self.pickle(account), account_version=own_devices.c.account_version + 1)
        )

    async def unpublish(
        self, connection: AsyncConnection, user_id: str, device_id: str, *, one_time_keys: int
    ) -> None:
        """The homeserver lost this device: it is to be published again, with new keys to begin sessions with."""
        unpublished = await connection.execute(
            update(own_devices)
            .where(
                own_devices.c.user_id == user_id,
                own_devices.c.device_id == device_id,
                own_devices.c.published_at.is_not(None),
            )
            .values(published_at=None, fallback_at=self._now())
        )
        if unpublished.rowcount:
            account = await self.take_account(connection, user_id)
            account.generate_one_time_keys(one_time_keys)
            add_fallback_key(account)
            await self.save_account(connection, user_id, account)

    def pickle(self, account: vodozemac.Account) -> str:
        """The account as it is stored."""
        return account.pickle(self._pickle_key)

    def unpickle(self, pickle: str) -> vodozemac.Account:
        """The account that was stored."""
        return vodozemac.Account.from_pickle(pickle, self._pickle_key)

    def forget(self, user_id: str) -> None:
        """Drop what is in memory of this user."""
        self._own.pop(user_id, None)
        self._accounts.pop(user_id, None)

    def unload_idle(self) -> None:
        """Drop the accounts that nobody used for a while."""
        before = self._now() - self._idle
        self._accounts = {user: kept for user, kept in self._accounts.items() if kept.used_at >= before}

    async def _row(self, connection: AsyncConnection, user_id: str, *, lock: bool) -> Row[*tuple[Any, ...]]:
        columns = (own_devices.c.account, own_devices.c.account_version, own_devices.c.curve25519)
        query = select(*columns).where(own_devices.c.user_id == user_id)
        return (await connection.execute(query.with_for_update() if lock else query)).one()


async def _find(
    connection: AsyncConnection, user_id: str, condition: ColumnElement[bool]
) -> OwnDevice | None:
    query = select(*_IDENTITY).where(own_devices.c.user_id == user_id, condition)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else OwnDevice(*row)


async def published_devices(connection: AsyncConnection) -> list[Device]:
    """Every device of ours whose keys are published."""
    query = select(own_devices.c.user_id, own_devices.c.device_id).where(
        own_devices.c.published_at.is_not(None)
    )
    return [Device(*row) for row in await connection.execute(query.order_by(own_devices.c.user_id))]


async def holders(connection: AsyncConnection) -> list[str]:
    """Whoever has a device of ours, published or not."""
    query = select(own_devices.c.user_id).order_by(own_devices.c.user_id)
    return list((await connection.scalars(query)).all())


async def ours_among(connection: AsyncConnection, users: Collection[str]) -> set[str]:
    """Those of these users who have a device of ours."""
    query = select(own_devices.c.user_id).where(own_devices.c.user_id.in_(users))
    return set(await connection.scalars(query))


async def any_user(connection: AsyncConnection) -> str | None:
    """One of our users with a published device, to act as where it does not matter who."""
    return await connection.scalar(_ANY_USER)
