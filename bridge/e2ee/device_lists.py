"""Other people's devices: whom we follow, what has changed, whom we trust.

    change told, or somebody new ──> generation + 1 ──> /keys/query ──> rows, fetched = generation at the start
                                          │                               │
                                          │        device gone or no longer entitled: its sessions end
                                          │        device new or newly entitled: its owner's sessions want sharing
                                          └ current sessions of that user want sharing, so that nothing is
                                            encrypted before the query

A user whose server does not answer stays behind her generation, and is asked for again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import facts
from bridge.clock import Now
from bridge.e2ee import sessions, tracking
from bridge.e2ee.identities import DeviceIdentity, Published, published
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.rows import upsert_rows
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database
from bridge.storage.e2ee import known_devices, tracked_users
from bridge.storage.statements import insert_once


@dataclass(frozen=True)
class KnownDevice:
    """Somebody's device, and whether it may have keys."""

    user_id: str
    device_id: str
    curve25519: str
    ed25519: str
    entitled: bool

    @property
    def address(self) -> tuple[str, str]:
        """User id and device id."""
        return self.user_id, self.device_id


class DeviceLists:
    """One list of everybody's devices for all our users."""

    def __init__(
        self, *, database: Database, key_server: KeyServer, only_signed_devices: bool, now: Now
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._only_signed = only_signed_devices
        self._now = now

    async def devices_of(self, connection: AsyncConnection, users: Collection[str]) -> list[KnownDevice]:
        """The existing devices of these users."""
        query = (
            select(
                known_devices.c.user_id,
                known_devices.c.device_id,
                known_devices.c.curve25519,
                known_devices.c.ed25519,
                self._is_entitled().label("entitled"),
            )
            .join(tracked_users, tracked_users.c.user_id == known_devices.c.user_id)
            .where(known_devices.c.user_id.in_(users), known_devices.c.deleted.is_(False))
        )
        return [KnownDevice(*row) for row in await connection.execute(query)]

    async def entitled(
        self, connection: AsyncConnection, users: Collection[str], *, locked: bool = False
    ) -> set[tuple[str, str]]:
        """The devices of these users that may have keys; if `locked`, until this transaction has ended."""
        if locked:
            query = select(tracked_users.c.user_id).where(tracked_users.c.user_id.in_(users))
            query = query.order_by(tracked_users.c.user_id).with_for_update(read=True)
            await connection.execute(query)
        devices = await self.devices_of(connection, users)
        return {device.address for device in devices if device.entitled}

    async def follow(self, *, acting: str, users: Collection[str]) -> None:
        """See to it that we follow these users and are up to date about them, if their servers answer."""
        async with self._database.read() as connection:
            if not await tracking.needs_asking(connection, users):
                return
        async with self._database.write() as connection:
            await tracking.follow(connection, users)
        await self.refresh(acting=acting, users=users)

    async def refresh(self, *, acting: str, users: Iterable[str]) -> None:
        """Ask, as `acting`, for the devices of those of these users about whom we are not up to date."""
        async with self._database.read() as connection:
            behind = await tracking.behind(connection, users)
        if not behind:
            return
        answer = await self._key_server.keys_query(user_id=acting, users=list(behind))
        failed_servers = answer.get("failures") or {}
        answered = {
            user_id: generation
            for user_id, generation in behind.items()
            if user_id.partition(":")[2] not in failed_servers
        }
        async with self._database.write() as connection:
            await self._apply(connection, answered, answer)

    async def _apply(
        self, connection: AsyncConnection, generations: Mapping[str, int], answer: JsonObject
    ) -> None:
        query = select(tracked_users).where(tracked_users.c.user_id.in_(generations))
        query = query.order_by(tracked_users.c.user_id).with_for_update()
        found = {
            row.user_id: (row, published(answer, user_id=row.user_id, pinned_master=row.pinned_master))
            for row in await connection.execute(query)
            if row.fetched <= generations[row.user_id]  # else a query that began later has been answered
        }
        before = await self.entitled(connection, found)
        for tracked, now_published in found.values():
            await self._tell_change_of_identity(connection, tracked, now_published)
        with_new_devices = await _store(connection, generations, found)
        after = await self.entitled(connection, found)
        await sessions.end_sessions_shared_with(connection, before - after)
        gained = {user_id for user_id, _ in after - before}
        await sessions.want_sharing(connection, gained, current_only=False)
        await sessions.want_sharing(connection, with_new_devices - gained, current_only=True)

    async def _tell_change_of_identity(
        self, connection: AsyncConnection, tracked: Row[*tuple[object, ...]], found: Published
    ) -> None:
        if tracked.pinned_master is None or found.master_key == tracked.pinned_master:
            return
        fact = facts.Fact(
            id=f"identity.changed:{tracked.user_id}:{found.master_key}",
            kind="identity.changed",
            subject=str(tracked.user_id),
            at=self._now(),
            data={"master_key": found.master_key},
        )
        await facts.append(connection, fact)

    def _is_entitled(self) -> ColumnElement[bool]:
        without_identity = false() if self._only_signed else tracked_users.c.pinned_master.is_(None)
        kept_identity = tracked_users.c.master_key == tracked_users.c.pinned_master
        return func.coalesce(or_(without_identity, and_(known_devices.c.signed, kept_identity)), false())


async def add_deleted_device(connection: AsyncConnection, user_id: str, device: DeviceIdentity) -> None:
    """Remember a device that was gone before we could ask for it, since a message of it came."""
    await insert_once(
        connection,
        known_devices,
        user_id=user_id,
        device_id=device.device_id,
        curve25519=device.curve25519,
        ed25519=device.ed25519,
        signed=device.signed,
        deleted=True,
    )


async def _store(
    connection: AsyncConnection,
    generations: Mapping[str, int],
    found: Mapping[str, tuple[Row[*tuple[object, ...]], Published]],
) -> set[str]:
    """Write down what was found; the users with devices that did not exist before."""
    query = select(known_devices).where(known_devices.c.user_id.in_(found))
    known = {(row.user_id, row.device_id): row for row in await connection.execute(query)}
    rows = {key: row._asdict() | {"deleted": True} for key, row in known.items() if not row.deleted}
    new: set[str] = set()
    for user_id, (_, user) in found.items():
        for device in user.devices:
            row = known.get((user_id, device.device_id))
            if row is not None and (row.curve25519, row.ed25519) != (device.curve25519, device.ed25519):
                continue  # a device can't change its keys: not the device that we knew
            rows[user_id, device.device_id] = {"user_id": user_id, "deleted": False} | asdict(device)
            if row is None or row.deleted:
                new.add(user_id)
    await upsert_rows(connection, known_devices, list(rows.values()))
    updated = [
        tracked._asdict()
        | {
            "fetched": generations[user_id],
            "master_key": user.master_key,
            "pinned_master": tracked.pinned_master or user.master_key,
            "self_signing_key": user.self_signing_key,
        }
        for user_id, (tracked, user) in found.items()
    ]
    await upsert_rows(connection, tracked_users, updated)
    return new
