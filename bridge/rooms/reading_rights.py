"""Whether somebody may read a conversation now, asked by its room."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import require_party
from appointments.errors import NotAPartyError, NotInCareTeamError
from bridge.storage.conversations import conversations

_PAIR = select(conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id == bindparam("room")
)


async def may_read(connection: AsyncConnection, *, reader: str, room_id: str, now: datetime) -> bool:
    """What the table of permissions says; False for a room that is no conversation."""
    pair = (await connection.execute(_PAIR, {"room": room_id})).one_or_none()
    if pair is None:
        return False
    try:
        await require_party(
            connection,
            person=reader,
            patient=pair.patient,
            professional=pair.professional,
            action="read",
            now=now,
        )
    except (NotAPartyError, NotInCareTeamError):
        return False
    return True
