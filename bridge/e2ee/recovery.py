"""A new Olm session where the old one is of no use: `m.dummy` (Matrix client-server API, 11.12.4.1)."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.e2ee import olm
from bridge.e2ee.device_lists import DeviceLists
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.rows import upsert_rows
from bridge.storage.database import Database
from bridge.storage.e2ee import olm_recoveries

# Anybody can send us what does not open; each answer costs somebody a one-time key.
_AT_MOST_EVERY = timedelta(hours=1)


class Recovery:
    """Begins new Olm sessions, at most one an hour with each device."""

    def __init__(
        self,
        *,
        database: Database,
        key_server: KeyServer,
        devices: Devices,
        device_lists: DeviceLists,
        pickle_key: bytes,
        now: Now,
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._devices = devices
        self._device_lists = device_lists
        self._pickle_key = pickle_key
        self._now = now

    async def recover(self, own: OwnDevice, *, user_id: str, sender_key: str) -> None:
        """Make a new session with that device of the user, and tell it so with an empty message."""
        async with self._database.read() as connection:
            if await self._was_recent(connection, own, sender_key):
                return
            devices = await self._device_lists.devices_of(connection, [user_id])
        device = next((device for device in devices if device.curve25519 == sender_key), None)
        if device is None:
            return
        claimed = await olm.claim(self._key_server, user_id=own.user_id, devices=[device])
        if not claimed:
            return
        async with self._database.write() as connection:
            if await self._was_recent(connection, own, sender_key):
                return
            contents = await olm.encrypt(
                connection,
                own=own,
                account=await self._devices.account(connection, own.user_id),
                messages=[(device, "m.dummy", {})],
                one_time_keys=claimed,
                pickle_key=self._pickle_key,
                now=self._now(),
            )
            row = {"user_id": own.user_id, "sender_key": sender_key, "at": self._now()}
            await upsert_rows(connection, olm_recoveries, [row])
        await self._key_server.send_to_device(
            user_id=own.user_id,
            device_id=own.device_id,
            event_type="m.room.encrypted",
            txn_id=uuid4().hex,
            messages=contents,
        )

    async def _was_recent(self, connection: AsyncConnection, own: OwnDevice, sender_key: str) -> bool:
        query = select(olm_recoveries.c.at).where(
            olm_recoveries.c.user_id == own.user_id, olm_recoveries.c.sender_key == sender_key
        )
        at = await connection.scalar(query)
        return at is not None and self._now() - at < _AT_MOST_EVERY
