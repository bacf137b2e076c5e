"""Making a device of ours and keeping its one-time keys in supply (Matrix client-server API, 11.12.1).

    account and cross-signing seeds, COMMIT ──> register, device, keys, identity, signature ──> COMMIT published
    upload what is unpublished, learn how many there are ──> new one-time keys, COMMIT ──> upload ──> COMMIT published

Every upload is harmless when repeated, so after a crash the same steps run again.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee import forgetting, tracking
from bridge.e2ee.account import add_fallback_key, signer, unpublished_keys
from bridge.e2ee.cross_signing import CrossSigning
from bridge.e2ee.devices import Devices
from bridge.e2ee.errors import KeysRefusedError
from bridge.e2ee.identities import DeviceIdentity
from bridge.e2ee.making import Making, seeds_context
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.settings import EncryptionSettings
from bridge.e2ee.untrusted import dig
from bridge.locks import KeyedLocks
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database
from bridge.storage.e2ee import own_devices

_CURVE = "signed_curve25519"
_c = own_devices.c
_OWN = select(own_devices).where(_c.user_id == bindparam("one"))
_ANY = select(_c.user_id, _c.cross_signing_sealed).limit(1)
_UNFINISHED = select(_c.user_id).where(_c.published_at.is_(None))
_OURS = select(_c.user_id, _c.device_id).where(
    _c.user_id.in_(bindparam("users", expanding=True)), _c.published_at.is_not(None)
)
_PUBLISHED = update(own_devices).where(_c.user_id == bindparam("one")).values(published_at=bindparam("at"))
_REPLACE_FALLBACK = (
    update(own_devices)
    .where(_c.user_id == bindparam("one"), _c.fallback_at <= bindparam("before"))
    .values(fallback_at=bindparam("at"))
)
# Reports of a used fallback key may be older than its replacement, and replacing it twice in a row would
# make messages to the first one undecryptable.
_FALLBACK_AT_MOST_EVERY = timedelta(hours=1)


class KeyUpload:
    """Publishes the keys of our devices."""

    def __init__(
        self,
        *,
        database: Database,
        key_server: KeyServer,
        devices: Devices,
        locks: KeyedLocks,
        sealer: Sealer,
        options: EncryptionSettings,
        now: Now,
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._devices = devices
        self._locks = locks
        self._sealer = sealer
        self._options = options
        self._making = Making(devices=devices, sealer=sealer, options=options, now=now)
        self._now = now

    async def provision(self, user_id: str) -> None:
        """One published, cross-signed device for this user; nothing to do when there is one."""
        async with self._locks["device", user_id]:
            async with self._database.read() as connection:
                row = await _own_row(connection, user_id)
            if row is None:
                await self._create(user_id)
                async with self._database.read() as connection:
                    row = await _own_row(connection, user_id)
            if row is not None and row.published_at is None:
                await self._publish(row)

    async def check_secret(self) -> None:
        """Raises SealBrokenError when our devices were sealed with another secret than the one we have."""
        async with self._database.read() as connection:
            row = (await connection.execute(_ANY)).one_or_none()
        if row is not None:
            self._sealer.open(row.cross_signing_sealed, context=seeds_context(row.user_id))

    async def unfinished(self) -> list[str]:
        """Users whose provisioning was interrupted."""
        async with self._database.read() as connection:
            return list((await connection.scalars(_UNFINISHED)).all())

    async def refill(
        self,
        *,
        counts: Mapping[str, Mapping[str, Mapping[str, int]]],
        unused_fallback: Mapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        """Upload new keys for those of our devices that, as reported, have few or a used fallback key."""
        low = {
            (user_id, device_id)
            for user_id, of_user in counts.items()
            for device_id, algorithms in of_user.items()
            if algorithms.get(_CURVE, 0) <= self._options.one_time_keys // 2
        }
        used = {
            (user_id, device_id)
            for user_id, of_user in unused_fallback.items()
            for device_id, algorithms in of_user.items()
            if _CURVE not in algorithms
        }
        users = sorted({user_id for user_id, _ in low | used})
        async with self._database.read() as connection:
            ours = {(row[0], row[1]) for row in await connection.execute(_OURS, {"users": users})}
        for user_id, device_id in sorted(ours & (low | used)):
            device = (user_id, device_id)
            async with self._locks["device", user_id]:
                await self._refill(user_id, device_id, low=device in low, fallback_used=device in used)

    async def replace(self, user_id: str) -> None:
        """Another device in the place of the one that this user has here, not published yet; what she reads stays."""
        async with self._locks["device", user_id]:
            async with self._database.write() as connection:
                await forgetting.forget_ratchets(connection, user_id)
                account = await self._making.make(connection, user_id)
            self._devices.forget(user_id)
            self._devices.made(user_id, account)

    async def _create(self, user_id: str) -> None:
        async with self._database.write() as connection:
            account = await self._making.make(connection, user_id)
        self._devices.made(user_id, account)

    async def _publish(self, row: Row[Any]) -> None:
        user_id, device_id = row.user_id, row.device_id
        account = self._devices.opened(user_id, row)
        seeds = self._sealer.open(row.cross_signing_sealed, context=seeds_context(user_id))
        identity = CrossSigning.from_bytes(seeds)
        await self._key_server.register(user_id=user_id)
        name = self._options.device_display_name
        await self._key_server.put_device(user_id=user_id, device_id=device_id, display_name=name)
        signing = identity.upload_body(user_id=user_id, device_id=device_id, sign_as_device=signer(account))
        await self._publish_identity(user_id, signing)
        # Signed from the first moment: a server that asks in between would show the device as nobody's for a while.
        body = {"device_keys": row.device_keys}
        body |= unpublished_keys(account, user_id=user_id, device_id=device_id)
        await self._key_server.keys_upload(user_id=user_id, device_id=device_id, body=body)
        answer = await self._key_server.signatures_upload(
            user_id=user_id, body={user_id: {device_id: row.device_keys}}
        )
        if answer.get("failures"):
            raise KeysRefusedError(user_id)
        async with self._database.write(synced=False) as connection:  # published again, it would be the same
            # Messages may have used up keys of the account meanwhile.
            account = await self._devices.take_account(connection, user_id)
            account.mark_keys_as_published()
            await self._devices.save_account(connection, user_id, account)
            await connection.execute(_PUBLISHED, {"one": user_id, "at": self._now()})
            await tracking.follow_own(
                connection,
                user_id,
                master_key=identity.master.public,
                self_signing_key=identity.self_signing.public,
                device=DeviceIdentity(device_id, row.curve25519, row.ed25519, signed=True),
            )

    async def _publish_identity(self, user_id: str, keys: JsonObject) -> None:
        """Upload what is not there: Synapse fails on a key that is, when it was signed by an earlier device.

        Nor does it take a key that another process, a command while `serve` heals, is just uploading.
        """
        missing = await self._missing(user_id, keys)
        while missing:
            try:
                await self._key_server.device_signing_upload(user_id=user_id, body=missing)
            except MatrixError:
                before, missing = missing, await self._missing(user_id, keys)
                if len(missing) >= len(before):
                    raise
            else:
                return

    async def _missing(self, user_id: str, keys: JsonObject) -> JsonObject:
        there = await self._key_server.keys_query(user_id=user_id, users=[user_id])
        return {
            name: key for name, key in keys.items() if dig(there, f"{name}s", user_id, "keys") != key["keys"]
        }

    async def _refill(self, user_id: str, device_id: str, *, low: bool, fallback_used: bool) -> None:
        async with self._database.write() as connection:
            account = await self._devices.take_account(connection, user_id)
            if fallback_used and await self._may_replace_fallback(connection, user_id):
                add_fallback_key(account)
                await self._devices.save_account(connection, user_id, account)
        # Reports may be older than our last upload, so the homeserver is asked how many keys it has: with
        # what an earlier attempt left unpublished, or with an empty upload.
        body = unpublished_keys(account, user_id=user_id, device_id=device_id)
        there = await self._key_server.keys_upload(user_id=user_id, device_id=device_id, body=body)
        missing = self._options.one_time_keys - there.get(_CURVE, 0) if low else 0
        async with self._database.write() as connection:
            account = await self._devices.take_account(connection, user_id)
            account.mark_keys_as_published()
            if missing > 0:
                account.generate_one_time_keys(missing)
            await self._devices.save_account(connection, user_id, account)
        if missing <= 0:
            return
        body = unpublished_keys(account, user_id=user_id, device_id=device_id)
        await self._key_server.keys_upload(user_id=user_id, device_id=device_id, body=body)
        async with self._database.write() as connection:
            account = await self._devices.take_account(connection, user_id)
            account.mark_keys_as_published()
            await self._devices.save_account(connection, user_id, account)

    async def _may_replace_fallback(self, connection: AsyncConnection, user_id: str) -> bool:
        now = self._now()
        due = {"one": user_id, "before": now - _FALLBACK_AT_MOST_EVERY, "at": now}
        replaced = await connection.execute(_REPLACE_FALLBACK, due)
        return replaced.rowcount == 1


async def _own_row(connection: AsyncConnection, user_id: str) -> Row[Any] | None:
    return (await connection.execute(_OWN, {"one": user_id})).one_or_none()
