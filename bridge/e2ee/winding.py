"""Making what was read unreadable, for one reader, while the session goes on."""

import vodozemac
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import inbound
from bridge.e2ee.model import EncryptedEvent
from bridge.storage.e2ee import inbound_sessions


async def forget_read(
    connection: AsyncConnection, *, user_id: str, event: EncryptedEvent, pickle_key: bytes
) -> None:
    """Wind the session of an event that this user has read past it: what came up to it stays closed to her.

    The ratchet goes one way only. Later messages of the session can still be read.
    """
    message = vodozemac.MegolmMessage.from_base64(event.content["ciphertext"])
    rows = await inbound.load(connection, user_id=user_id, session_ids=[event.content["session_id"]])
    for row in rows:
        session = vodozemac.InboundGroupSession.from_pickle(row.pickle, pickle_key)
        later = session.export_at(message.message_index() + 1)
        if later is None or row.room_id != event.room_id:
            continue
        wound = vodozemac.InboundGroupSession.import_session(later)
        await connection.execute(
            update(inbound_sessions)
            .where(
                inbound_sessions.c.user_id == user_id,
                inbound_sessions.c.session_id == row.session_id,
                inbound_sessions.c.sender_key == row.sender_key,
            )
            .values(first_known_index=wound.first_known_index, pickle=wound.pickle(pickle_key))
        )
