"""Inbound Megolm sessions: the copies with which our users read.

A session that comes again replaces what we have only if it comes from the same device, begins earlier and is
the same ratchet.
"""

from collections.abc import Collection
from dataclasses import dataclass

import vodozemac
from sqlalchemy import Row, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee.rows import upsert_rows
from bridge.storage.e2ee import inbound_sessions, withheld_sessions

_OF_USER = select(inbound_sessions).where(
    inbound_sessions.c.user_id == bindparam("user"),
    inbound_sessions.c.session_id.in_(bindparam("sessions", expanding=True)),
)


@dataclass(frozen=True)
class ReceivedSession:
    """A session that one of our users was given, by the device with these identity keys."""

    user_id: str
    room_id: str
    sender: str
    sender_key: str
    sender_ed25519: str
    session: vodozemac.InboundGroupSession


async def store(
    connection: AsyncConnection, received: ReceivedSession, *, trusted: bool, pickle_key: bytes
) -> None:
    """Keep the session, unless we have it from the same or an earlier index."""
    new = received.session
    query = select(inbound_sessions).where(
        inbound_sessions.c.user_id == received.user_id,
        inbound_sessions.c.session_id == new.session_id,
        inbound_sessions.c.sender_key == received.sender_key,
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is not None:
        old = vodozemac.InboundGroupSession.from_pickle(row.pickle, pickle_key)
        is_same = (row.room_id, row.sender, row.sender_ed25519) == (
            received.room_id,
            received.sender,
            received.sender_ed25519,
        )
        if not is_same or not _is_earlier_part(new, of=old):
            return
        trusted = trusted or row.trusted
    await add(connection, received, trusted=trusted, pickle_key=pickle_key)


async def add(
    connection: AsyncConnection, received: ReceivedSession, *, trusted: bool = True, pickle_key: bytes
) -> None:
    """Keep the session in place of what we have of it. Our own are trusted."""
    row = {
        "user_id": received.user_id,
        "session_id": received.session.session_id,
        "sender_key": received.sender_key,
        "room_id": received.room_id,
        "sender": received.sender,
        "sender_ed25519": received.sender_ed25519,
        "first_known_index": received.session.first_known_index,
        "trusted": trusted,
        "pickle": received.session.pickle(pickle_key),
    }
    await upsert_rows(connection, inbound_sessions, [row])


async def load(
    connection: AsyncConnection, *, user_id: str, session_ids: Collection[str]
) -> list[Row[*tuple[object, ...]]]:
    """This user's rows with these session ids; several senders may claim the same id."""
    return list(await connection.execute(_OF_USER, {"user": user_id, "sessions": list(session_ids)}))


async def trust(connection: AsyncConnection, user_id: str, sessions: Collection[tuple[str, str]]) -> None:
    """Remember for good that the devices which gave these sessions (id, sender key) could be believed."""
    key = tuple_(inbound_sessions.c.session_id, inbound_sessions.c.sender_key)
    await connection.execute(
        update(inbound_sessions)
        .where(inbound_sessions.c.user_id == user_id, key.in_(sessions))
        .values(trusted=True)
    )


async def store_withheld(
    connection: AsyncConnection, *, user_id: str, room_id: str, session_id: str, sender: str, code: str
) -> None:
    """Remember why this sender did not give us a session."""
    row = {"user_id": user_id, "session_id": session_id, "sender": sender, "room_id": room_id, "code": code}
    await upsert_rows(connection, withheld_sessions, [row])


async def load_withheld(
    connection: AsyncConnection, *, user_id: str, session_ids: Collection[str]
) -> dict[tuple[str, str, str], str]:
    """(room, session, sender) → code."""
    query = select(withheld_sessions).where(
        withheld_sessions.c.user_id == user_id, withheld_sessions.c.session_id.in_(session_ids)
    )
    return {(row.room_id, row.session_id, row.sender): row.code for row in await connection.execute(query)}


def _is_earlier_part(new: vodozemac.InboundGroupSession, *, of: vodozemac.InboundGroupSession) -> bool:
    meeting = of.first_known_index
    if new.first_known_index >= meeting:
        return False
    ours, theirs = of.export_at(meeting), new.export_at(meeting)
    return ours is not None and theirs is not None and ours.to_base64() == theirs.to_base64()
