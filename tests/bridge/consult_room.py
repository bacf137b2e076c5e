"""A consult room as the database knows it, for tests that send nothing to a homeserver."""

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.storage.conversations import conversations
from tests.appointments.relationships import enter_care


async def open_room(
    connection: AsyncConnection, room_id: str, *, patient: str, professional: str, now: datetime
) -> None:
    """The two are in care, and this is their room."""
    await enter_care(connection, patient, professional, now=now)
    pair = {"id": room_id, "patient": patient, "professional": professional, "nonce": room_id}
    rotation = {"rotation_period_msgs": 1, "rotation_period_ms": 1, "created_at": now, "attempts": 0}
    await connection.execute(insert(conversations).values(pair | rotation | {"room_id": room_id}))
