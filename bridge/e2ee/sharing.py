"""Handing out the key of an outbound session (Matrix client-server API, 11.12.4.2.1).

    sharing = n ──> ask for the devices of members about whom we are not up to date ──> who lacks it?
    ──> claim one-time keys ──> Olm-encrypt, COMMIT ──> sendToDevice ──> COMMIT who has it, and shared = n

A crash before the last commit means that the same devices are given the key again, which is harmless. What
changes in between raises `sharing` above n, so somebody will look again. Every device that may have the key
gets it from index 0; the others are told why not. A device without one-time keys counts as told and is left
to the background (bridge/e2ee/keyless.py). If a device was shut out while it was given the key, the session ends.
"""

import logging
from collections.abc import Awaitable, Collection
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee import keyless, olm, sessions
from bridge.e2ee.device_lists import DeviceLists, KnownDevice
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.errors import in_log
from bridge.e2ee.keyless import Address
from bridge.e2ee.lacking import SHARED, Lacking, lacking
from bridge.e2ee.model import MEGOLM
from bridge.e2ee.ports import KeyServer, Newcomers
from bridge.e2ee.rows import upsert_rows
from bridge.e2ee.sessions import OutboundSession
from bridge.e2ee.withheld import NO_OLM, UNVERIFIED, withheld
from bridge.locks import KeyedLocks
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.retries import is_temporary
from bridge.storage.database import Database
from bridge.storage.e2ee import outbound_sessions, session_shares

_Message = tuple[KnownDevice, str, JsonObject]

_log = logging.getLogger(__name__)

_c = outbound_sessions.c
_SHARED_UP_TO = (
    update(outbound_sessions)
    .where(_c.session_id == bindparam("session"), _c.shared < bindparam("n"))
    .values(shared=bindparam("n"))
)
_SHARE_AGAIN = (
    update(outbound_sessions).where(_c.session_id == bindparam("session")).values(sharing=_c.sharing + 1)
)
_FORGET_SHARE = delete(session_shares).where(
    session_shares.c.session_id == bindparam("session"),
    session_shares.c.user_id == bindparam("user"),
    session_shares.c.device_id == bindparam("device"),
    session_shares.c.code == SHARED,
)


class Sharing:
    """Gives sessions to the devices that lack them."""

    def __init__(
        self,
        *,
        database: Database,
        key_server: KeyServer,
        devices: Devices,
        device_lists: DeviceLists,
        newcomers: Newcomers,
        locks: KeyedLocks,
        pickle_key: bytes,
        sealer: Sealer,
        now: Now,
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._devices = devices
        self._device_lists = device_lists
        self._newcomers = newcomers
        self._locks = locks
        self._pickle_key = pickle_key
        self._sealer = sealer
        self._now = now

    async def share_outstanding(
        self, *, members: Collection[str] | None = None, room_id: str | None = None
    ) -> None:
        """Share what is unshared: with these members, in this room, or everything.

        A session that can't be shared holds up no other and stays unshared. Raises only what is wrong with the
        homeserver or the database as a whole.
        """
        async with self._database.read() as connection:
            waiting = await sessions.unshared(connection, members=members, room_id=room_id)
        await self._share_each(waiting)

    async def share_with_keyless(self) -> None:
        """Ask devices that had no one-time keys again, if it is time, and give them what they lack."""
        async with self._database.write() as connection:
            due = await keyless.take_due(connection, self._now())
        for sender, devices in due.items():
            await _on_its_own(self._connect(sender, devices), f"asking for keys for {sender}")

    async def _connect(self, sender: str, addresses: Collection[Address]) -> None:
        async with self._database.read() as connection:
            own = await self._devices.own(connection, sender)
            wanting = await sessions.devices_without_olm(connection, user_id=sender, devices=addresses)
            entitled = {
                device.address: device
                for device in await self._device_lists.devices_of(connection, {user for user, _ in wanting})
                if device.entitled and device.address in wanting
            }
            keys = {device.curve25519 for device in entitled.values()}
            connected = await olm.sessions_with(connection, user_id=sender, sender_keys=keys)
        if own is not None:
            silent = [device for device in entitled.values() if device.curve25519 not in connected]
            claimed = await olm.claim(self._key_server, user_id=sender, devices=silent)
            begun: list[_Message] = [(entitled[address], "m.dummy", {}) for address in claimed]
            await self._send(own, "m.room.encrypted", await self._encrypt(own, begun, claimed))
            served = (entitled.keys() - {device.address for device in silent}) | claimed.keys()
            async with self._database.read() as connection:
                waiting = await sessions.without_olm(connection, user_id=sender, devices=served)
            await self._share_each(waiting)
        async with self._database.write() as connection:
            now_entitled = await self._device_lists.entitled(connection, {user for user, _ in addresses})
            await keyless.forget_served(connection, sender=sender, devices=addresses, entitled=now_entitled)

    async def _share_each(self, waiting: Collection[OutboundSession]) -> None:
        for session in waiting:
            what = f"sharing a session of {session.user_id} in {session.room_id}"
            async with self._locks["room", session.user_id, session.room_id]:
                await _on_its_own(self.share(session), what)

    async def share(self, session: OutboundSession) -> None:
        """Give this session to every device that lacks it. The caller holds the lock of its room."""
        async with self._database.read() as connection:
            own = await self._devices.own(connection, session.user_id)
            members = await sessions.members_of(connection, session.session_id)
        if own is None:
            return
        await self._device_lists.follow(acting=own.user_id, users=members)
        async with self._database.read() as connection:
            work = await lacking(
                connection,
                own=own,
                session=session,
                members=members,
                device_lists=self._device_lists,
                newcomers=self._newcomers,
            )
        claimed = await olm.claim(self._key_server, user_id=own.user_id, devices=work.unconnected)
        content = self._room_key(session)
        messages = [(device, "m.room_key", content) for device in work.entitled]
        contents = await self._encrypt(own, messages, claimed)
        await self._send(own, "m.room.encrypted", contents)
        codes = {device.address: UNVERIFIED for device in work.refused}
        for device in work.entitled:
            given = device.device_id in contents.get(device.user_id, {})
            codes[device.address] = SHARED if given else NO_OLM
        news = {
            address: code
            for address, code in codes.items()
            if code not in (SHARED, work.told.get(address))
            and (code != NO_OLM or address not in work.keyless)
        }
        await self._send(own, "m.room_key.withheld", withheld(own, session, news))
        await self._write_down(session, work, codes)

    def _room_key(self, session: OutboundSession) -> JsonObject:
        context = sessions.key_context(session.session_id)
        return {
            "algorithm": MEGOLM,
            "room_id": session.room_id,
            "session_id": session.session_id,
            "session_key": self._sealer.open(session.session_key_sealed, context=context).decode(),
        }

    async def _encrypt(
        self,
        own: OwnDevice,
        messages: Collection[_Message],
        claimed: olm.OneTimeKeys,
    ) -> dict[str, dict[str, JsonObject]]:
        if not messages:
            return {}
        async with self._database.write() as connection:
            return await olm.encrypt(
                connection,
                own=own,
                account=await self._devices.account(connection, own.user_id),
                messages=messages,
                one_time_keys=claimed,
                pickle_key=self._pickle_key,
                now=self._now(),
            )

    async def _send(
        self, own: OwnDevice, event_type: str, contents: dict[str, dict[str, JsonObject]]
    ) -> None:
        if contents:
            await self._key_server.send_to_device(
                user_id=own.user_id,
                device_id=own.device_id,
                event_type=event_type,
                txn_id=uuid4().hex,
                messages=contents,
            )

    async def _write_down(self, session: OutboundSession, work: Lacking, codes: dict[Address, str]) -> None:
        rows: list[dict[str, Any]] = [
            {"session_id": session.session_id, "user_id": user, "device_id": device, "code": code}
            for (user, device), code in codes.items()
        ]
        given = {address for address, code in codes.items() if code == SHARED}
        without_olm = {address for address, code in codes.items() if code == NO_OLM}
        async with self._database.write() as connection:
            # The lock comes first, so that whoever shuts a device out either is seen here or sees these rows.
            entitled = await self._device_lists.entitled(connection, {user for user, _ in given}, locked=True)
            await keyless.note(
                connection, sender=session.user_id, devices=without_olm, known=work.keyless, now=self._now()
            )
            await upsert_rows(connection, session_shares, rows)
            await sessions.end_sessions_shared_with(connection, given - entitled)
            await connection.execute(_SHARED_UP_TO, {"session": session.session_id, "n": session.sharing})


async def _on_its_own(action: Awaitable[None], what: str) -> None:
    try:
        await action
    except Exception as error:
        if is_temporary(error) and not isinstance(error, MatrixError):
            raise  # nothing else would succeed either
        _log.warning("%s failed, will be tried again: %s", what, in_log(error))


async def ask_again(
    connection: AsyncConnection, *, user_id: str, session_id: str, device: KnownDevice
) -> bool:
    """A device asks for a session of this user of ours: if it had it once, it will get it again."""
    session = await sessions.by_id(connection, session_id)
    if session is None or session.user_id != user_id or not device.entitled:
        return False
    theirs = {"session": session_id, "user": device.user_id, "device": device.device_id}
    if not (await connection.execute(_FORGET_SHARE, theirs)).rowcount:
        return False
    await connection.execute(_SHARE_AGAIN, {"session": session_id})
    return True
