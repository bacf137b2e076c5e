"""Outbound Megolm sessions: when one begins, who is to have it, when it ends.

A session is for a fixed set of users, its members. When the set changes a new one begins, so the key at
index 0, which every entitled device of a member gets however late it comes, never reveals anything from
before its owner became a recipient. `sharing` counts the reasons to look who lacks the key, `shared` how far
somebody has looked; only between equal numbers, and before its end, may a session encrypt.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import vodozemac
from sqlalchemy import Column, Select, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.e2ee import inbound
from bridge.e2ee.devices import OwnDevice
from bridge.e2ee.model import Rotation
from bridge.e2ee.rows import insert_missing_rows
from bridge.storage.e2ee import outbound_sessions, session_members, session_shares


@dataclass(frozen=True)
class OutboundSession:
    """A row of outbound_sessions, without the ratchet."""

    session_id: str
    user_id: str
    room_id: str
    message_index: int
    session_key_sealed: bytes
    members_digest: str
    max_messages: int
    expires_at: datetime
    sharing: int
    shared: int

    def is_alive(self, now: datetime) -> bool:
        """Whether it is young enough, and has messages left."""
        return self.message_index < self.max_messages and now < self.expires_at

    @property
    def is_shared(self) -> bool:
        """Whether everybody entitled has been given the key, as far as we know."""
        return self.shared >= self.sharing


_FIELDS = [outbound_sessions.c[name] for name in OutboundSession.__dataclass_fields__]
_UNSHARED = select(*_FIELDS).where(outbound_sessions.c.shared < outbound_sessions.c.sharing)


def digest(members: Collection[str]) -> str:
    """Names a set of users."""
    return sha256("\n".join(sorted(members)).encode()).hexdigest()


def key_context(session_id: str) -> str:
    """What the sealed session key is bound to."""
    return f"e2ee_outbound_sessions:{session_id}"


async def current(connection: AsyncConnection, *, user_id: str, room_id: str) -> OutboundSession | None:
    """The session that this user sends with in this room."""
    query = select(*_FIELDS).where(
        outbound_sessions.c.user_id == user_id,
        outbound_sessions.c.room_id == room_id,
        outbound_sessions.c.is_current,
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else OutboundSession(*row)


async def by_id(connection: AsyncConnection, session_id: str) -> OutboundSession | None:
    """The session with this id."""
    query = select(*_FIELDS).where(outbound_sessions.c.session_id == session_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else OutboundSession(*row)


async def members_of(connection: AsyncConnection, session_id: str) -> list[str]:
    """The users whom this session is for."""
    query = select(session_members.c.user_id).where(session_members.c.session_id == session_id)
    return list((await connection.scalars(query)).all())


async def start(
    connection: AsyncConnection,
    *,
    own: OwnDevice,
    room_id: str,
    members: Collection[str],
    rotation: Rotation,
    now: datetime,
    sealer: Sealer,
    pickle_key: bytes,
) -> str:
    """Begin a session in place of the current one, and say its id; only our own device has its key yet."""
    await end_current(connection, user_id=own.user_id, room_id=room_id)
    await _drop_former_members(connection, user_id=own.user_id, room_id=room_id, members=members)
    session = vodozemac.GroupSession()
    session_id, session_key = session.session_id, session.session_key
    row = {
        "session_id": session_id,
        "user_id": own.user_id,
        "room_id": room_id,
        "is_current": True,
        "pickle": session.pickle(pickle_key),
        "message_index": 0,
        "session_key_sealed": sealer.seal(session_key.to_base64().encode(), context=key_context(session_id)),
        "members_digest": digest(members),
        "max_messages": rotation.period_msgs,
        "expires_at": now + timedelta(milliseconds=rotation.period_ms),
        "sharing": 1,
        "shared": 0,
    }
    await connection.execute(outbound_sessions.insert().values(row))
    rows = [{"session_id": session_id, "user_id": member} for member in sorted(members)]
    await insert_missing_rows(connection, session_members, rows)
    copy = inbound.ReceivedSession(
        user_id=own.user_id,
        room_id=room_id,
        sender=own.user_id,
        sender_key=own.curve25519,
        sender_ed25519=own.ed25519,
        session=vodozemac.InboundGroupSession(session_key),
    )
    await inbound.add(connection, copy, pickle_key=pickle_key)
    return session_id


async def end_current(connection: AsyncConnection, *, user_id: str, room_id: str) -> None:
    """Encrypt nothing more with the current session; its ratchet is forgotten."""
    await connection.execute(
        update(outbound_sessions)
        .where(
            outbound_sessions.c.user_id == user_id,
            outbound_sessions.c.room_id == room_id,
            outbound_sessions.c.is_current,
        )
        .values(is_current=False, pickle=None)
    )


async def end_all(connection: AsyncConnection, *, user_id: str) -> None:
    """The same for all rooms. Who comes later still gets what was sent: only the ratchets are forgotten."""
    await connection.execute(
        update(outbound_sessions)
        .where(outbound_sessions.c.user_id == user_id)
        .values(is_current=False, pickle=None)
    )


async def end_sessions_shared_with(connection: AsyncConnection, devices: Collection[tuple[str, str]]) -> None:
    """End every session whose key was given to one of these devices (user id, device id)."""
    if not devices:
        return
    given = select(session_shares.c.session_id).where(
        tuple_(session_shares.c.user_id, session_shares.c.device_id).in_(devices),
        session_shares.c.code == "shared",
    )
    await connection.execute(
        update(outbound_sessions)
        .where(outbound_sessions.c.is_current, outbound_sessions.c.session_id.in_(given))
        .values(is_current=False, pickle=None)
    )


async def want_sharing(
    connection: AsyncConnection, users: Collection[str], *, current_only: bool, room_id: str | None = None
) -> None:
    """Note that devices of these users may lack the sessions that they are members of, in this room or anywhere."""
    if not users:
        return
    theirs = select(session_members.c.session_id).where(session_members.c.user_id.in_(users))
    statement = update(outbound_sessions).where(outbound_sessions.c.session_id.in_(theirs))
    if current_only:
        statement = statement.where(outbound_sessions.c.is_current)
    if room_id is not None:
        statement = statement.where(outbound_sessions.c.room_id == room_id)
    await connection.execute(statement.values(sharing=outbound_sessions.c.sharing + 1))


async def unshared(
    connection: AsyncConnection, *, members: Collection[str] | None = None, room_id: str | None = None
) -> list[OutboundSession]:
    """Sessions that somebody may lack: those of these members and this room, or all of them."""
    query = _UNSHARED
    if members is not None:
        theirs = select(session_members.c.session_id).where(session_members.c.user_id.in_(members))
        query = query.where(outbound_sessions.c.session_id.in_(theirs))
    if room_id is not None:
        query = query.where(outbound_sessions.c.room_id == room_id)
    return [OutboundSession(*row) for row in await connection.execute(query)]


async def without_olm(
    connection: AsyncConnection, *, user_id: str, devices: Collection[tuple[str, str]]
) -> list[OutboundSession]:
    """Sessions of this user that these devices (user id, device id) lack for want of an Olm session."""
    theirs = _for_want_of_olm(session_shares.c.session_id, user_id=user_id, devices=devices)
    query = select(*_FIELDS).where(outbound_sessions.c.session_id.in_(theirs))
    return [OutboundSession(*row) for row in await connection.execute(query)]


async def devices_without_olm(
    connection: AsyncConnection, *, user_id: str, devices: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of these devices that lack a session of this user for want of an Olm session."""
    address = (session_shares.c.user_id, session_shares.c.device_id)
    query = _for_want_of_olm(*address, user_id=user_id, devices=devices)
    return {(row.user_id, row.device_id) for row in await connection.execute(query.distinct())}


def _for_want_of_olm(
    *columns: Column[Any], user_id: str, devices: Collection[tuple[str, str]]
) -> Select[Any]:
    is_member = exists().where(
        session_members.c.session_id == session_shares.c.session_id,
        session_members.c.user_id == session_shares.c.user_id,
    )
    return (
        select(*columns)
        .join(outbound_sessions, outbound_sessions.c.session_id == session_shares.c.session_id)
        .where(
            outbound_sessions.c.user_id == user_id,
            session_shares.c.code == "m.no_olm",
            tuple_(session_shares.c.user_id, session_shares.c.device_id).in_(devices),
            is_member,
        )
    )


async def _drop_former_members(
    connection: AsyncConnection, *, user_id: str, room_id: str, members: Collection[str]
) -> None:
    # Devices that someone makes after she ceased to be a recipient get none of the earlier sessions either.
    ours = select(outbound_sessions.c.session_id).where(
        outbound_sessions.c.user_id == user_id, outbound_sessions.c.room_id == room_id
    )
    await connection.execute(
        delete(session_members).where(
            session_members.c.session_id.in_(ours), session_members.c.user_id.not_in(members)
        )
    )
