"""Handing out the key of an outbound session (Matrix client-server API, 11.12.4.2.1).

    sharing = n ──> ask for the devices of members about whom we are not up to date ──> who lacks it?
    ──> claim one-time keys ──> Olm-encrypt, COMMIT ──> sendToDevice ──> COMMIT who has it, and shared = n

A crash before the last commit means that the same devices are given the key again, which is harmless. What
changes in between raises `sharing` above n, so somebody will look again. Every device that may have the key
gets it from index 0; the others are told why not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.database import Database
from bridge.e2ee import olm, sessions
from bridge.e2ee.device_lists import DeviceLists, KnownDevice
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.model import MEGOLM
from bridge.e2ee.ports import KeyServer
from bridge.e2ee.rows import upsert_rows
from bridge.e2ee.sessions import OutboundSession
from bridge.locks import KeyedLocks
from bridge.matrix.json import JsonObject
from bridge.storage.e2ee import outbound_sessions, session_shares

SHARED = "shared"
_UNVERIFIED = "m.unverified"
_NO_OLM = "m.no_olm"
_REASONS = {
    _UNVERIFIED: "This device is not signed by its owner's identity, or that identity has changed.",
    _NO_OLM: "No secure channel to this device could be made yet.",
}


@dataclass(frozen=True)
class _Work:
    """Who lacks a session: the devices that get it, with or without an Olm session, and those that don't."""

    own: OwnDevice
    session: OutboundSession
    session_key: str
    entitled: list[KnownDevice]
    connected: set[str]
    refused: list[KnownDevice]
    told: dict[tuple[str, str], str]


class Sharing:
    """Gives sessions to the devices that lack them."""

    def __init__(
        self,
        *,
        database: Database,
        key_server: KeyServer,
        devices: Devices,
        device_lists: DeviceLists,
        locks: KeyedLocks,
        pickle_key: bytes,
        sealer: Sealer,
        now: Now,
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._devices = devices
        self._device_lists = device_lists
        self._locks = locks
        self._pickle_key = pickle_key
        self._sealer = sealer
        self._now = now

    async def share_outstanding(
        self, *, members: Collection[str] | None = None, room_id: str | None = None
    ) -> None:
        """Share what is unshared: with these members, in this room, or everything."""
        async with self._database.read() as connection:
            waiting = await sessions.unshared(connection, members=members, room_id=room_id)
        for session in waiting:
            async with self._locks["room", session.user_id, session.room_id]:
                await self.share(session)

    async def share(self, session: OutboundSession) -> None:
        """Give this session to every device that lacks it. The caller holds the lock of its room."""
        async with self._database.read() as connection:
            own = await self._devices.own(connection, session.user_id)
            members = await sessions.members_of(connection, session.session_id)
        if own is None:
            return
        await self._device_lists.follow(acting=own.user_id, users=members)
        async with self._database.read() as connection:
            work = await self._work(connection, own, session, members)
        unconnected = [device for device in work.entitled if device.curve25519 not in work.connected]
        claimed = await olm.claim(self._key_server, user_id=work.own.user_id, devices=unconnected)
        contents = await self._encrypt(work, claimed)
        await self._send(work.own, "m.room.encrypted", contents)
        codes = {(d.user_id, d.device_id): _UNVERIFIED for d in work.refused}
        for device in work.entitled:
            given = device.device_id in contents.get(device.user_id, {})
            codes[device.user_id, device.device_id] = SHARED if given else _NO_OLM
        await self._send(work.own, "m.room_key.withheld", self._withheld(work, codes))
        await self._write_down(work, codes)

    async def _work(
        self, connection: AsyncConnection, own: OwnDevice, session: OutboundSession, members: Collection[str]
    ) -> _Work:
        told = await _told(connection, session.session_id) if session.shared else {}
        lacking = [
            device
            for device in await self._device_lists.devices_of(connection, members)
            if device.device_id != own.device_id and told.get((device.user_id, device.device_id)) != SHARED
        ]
        entitled = [device for device in lacking if device.entitled]
        keys = {device.curve25519 for device in entitled}
        context = sessions.key_context(session.session_id)
        return _Work(
            own=own,
            session=session,
            session_key=self._sealer.open(session.session_key_sealed, context=context).decode(),
            entitled=entitled,
            connected=await olm.sessions_with(connection, user_id=own.user_id, sender_keys=keys),
            refused=[device for device in lacking if not device.entitled],
            told=told,
        )

    async def _encrypt(self, work: _Work, claimed: olm.OneTimeKeys) -> dict[str, dict[str, JsonObject]]:
        if not work.entitled:
            return {}
        content = {
            "algorithm": MEGOLM,
            "room_id": work.session.room_id,
            "session_id": work.session.session_id,
            "session_key": work.session_key,
        }
        async with self._database.write() as connection:
            return await olm.encrypt(
                connection,
                own=work.own,
                account=await self._devices.account(connection, work.own.user_id),
                messages=[(device, "m.room_key", content) for device in work.entitled],
                one_time_keys=claimed,
                pickle_key=self._pickle_key,
                now=self._now(),
            )

    def _withheld(self, work: _Work, codes: dict[tuple[str, str], str]) -> dict[str, dict[str, JsonObject]]:
        contents: dict[str, dict[str, JsonObject]] = {}
        for (user_id, device_id), code in codes.items():
            if code == SHARED or work.told.get((user_id, device_id)) == code:
                continue
            content = {
                "algorithm": MEGOLM,
                "sender_key": work.own.curve25519,
                "code": code,
                "reason": _REASONS[code],
            }
            if code != _NO_OLM:  # that one is about the device, not about a session
                content |= {"room_id": work.session.room_id, "session_id": work.session.session_id}
            contents.setdefault(user_id, {})[device_id] = content
        return contents

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

    async def _write_down(self, work: _Work, codes: dict[tuple[str, str], str]) -> None:
        rows: list[dict[str, Any]] = [
            {"session_id": work.session.session_id, "user_id": user, "device_id": device, "code": code}
            for (user, device), code in codes.items()
        ]
        looked = work.session.sharing
        async with self._database.write() as connection:
            await upsert_rows(connection, session_shares, rows)
            await connection.execute(
                update(outbound_sessions)
                .where(
                    outbound_sessions.c.session_id == work.session.session_id,
                    outbound_sessions.c.shared < looked,
                )
                .values(shared=looked)
            )


async def _told(connection: AsyncConnection, session_id: str) -> dict[tuple[str, str], str]:
    query = select(session_shares).where(session_shares.c.session_id == session_id)
    return {(row.user_id, row.device_id): row.code for row in await connection.execute(query)}


async def ask_again(
    connection: AsyncConnection, *, user_id: str, session_id: str, device: KnownDevice
) -> bool:
    """A device asks for a session of this user of ours: if it had it once, it will get it again."""
    theirs = (
        session_shares.c.session_id == session_id,
        session_shares.c.user_id == device.user_id,
        session_shares.c.device_id == device.device_id,
        session_shares.c.code == SHARED,
    )
    session = await sessions.by_id(connection, session_id)
    if session is None or session.user_id != user_id or not device.entitled:
        return False
    if not (await connection.execute(delete(session_shares).where(*theirs))).rowcount:
        return False
    await connection.execute(
        update(outbound_sessions)
        .where(outbound_sessions.c.session_id == session_id)
        .values(sharing=outbound_sessions.c.sharing + 1)
    )
    return True
