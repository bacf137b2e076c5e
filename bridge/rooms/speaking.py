"""Whether somebody may write in a room now: asked when a message is taken in, and again right before it leaves.

Care may end, and an identity change, while a message waits for the homeserver. A message whose request was under
way at that moment arrives; one that was not leaves no more.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import require_party
from bridge.e2ee.tracking import has_changed_identity
from bridge.errors import IdentityChangedError
from bridge.rooms.rooms import ConsultRoom, Reading, RoomEncryption, consult_room_of, direct_chat_encryption
from bridge.storage.conversations import conversations

_PAIR = select(conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id == bindparam("room_id")
)


async def require_speaking(connection: AsyncConnection, *, room_id: str, sender: str, now: datetime) -> None:
    """Raises NotInCareTeamError, NotAPartyError, IdentityChangedError unless `sender` may write in this room now.

    A room that belongs to no conversation has no such rules.
    """
    pair = (await connection.execute(_PAIR, {"room_id": room_id})).first()
    if pair is None:
        return
    await require_party(
        connection,
        person=sender,
        patient=pair.patient,
        professional=pair.professional,
        action="send",
        now=now,
    )
    await require_known_identities(
        connection, patient=pair.patient, professional=pair.professional, sender=sender
    )


async def speaking_to(
    connection: AsyncConnection, *, room_id: str, sender: str, reading: Reading, now: datetime
) -> RoomEncryption:
    """For whom a message of `sender` to this room is encrypted. Raises what `require_speaking` raises.

    The assistant may write as long as the patient may.
    """
    room = await consult_room_of(connection, room_id)
    if room is None:
        return await direct_chat_encryption(connection, room_id, reading=reading)
    return await speaking_in(connection, room, sender=sender, reading=reading, now=now)


async def speaking_in(
    connection: AsyncConnection, room: ConsultRoom, *, sender: str, reading: Reading, now: datetime
) -> RoomEncryption:
    """The same of a consult room."""
    circle = room.circle
    circle.require(circle.patient if sender == reading.assistant else sender, "send", now=now)
    await require_known_identities(
        connection, patient=circle.patient, professional=circle.professional, sender=sender
    )
    return room.encryption(reading=reading, now=now)


async def require_known_identities(
    connection: AsyncConnection, *, patient: str, professional: str, sender: str
) -> None:
    """Raises IdentityChangedError if the identity of the other one of the two is not the one that we first saw.

    A representative's changed identity stops nobody else: no keys go to her until it is accepted.
    """
    one = professional if sender == patient else patient
    other = patient if sender == professional else professional
    if await has_changed_identity(connection, one, other):
        raise IdentityChangedError
