"""Whether somebody may write in a room now: asked when a message is taken in, and again right before it leaves.

Care may end, and an identity change, while a message waits for the homeserver. A message whose request was under
way at that moment arrives; one that was not leaves no more.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import require_party
from bridge.e2ee.tracking import changed_identities
from bridge.errors import IdentityChangedError
from bridge.storage.conversations import conversations

_PAIR = select(conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id == bindparam("room_id")
)


async def require_speaking(
    connection: AsyncConnection, *, room_id: str, sender: str, now: datetime, assistant: str | None = None
) -> None:
    """Raises NotInCareTeamError, NotAPartyError, IdentityChangedError unless `sender` may write in this room now.

    A room that belongs to no conversation has no such rules. The `assistant` may write as long as the patient may.
    """
    pair = (await connection.execute(_PAIR, {"room_id": room_id})).first()
    if pair is None:
        return
    await require_party(
        connection,
        person=pair.patient if sender == assistant else sender,
        patient=pair.patient,
        professional=pair.professional,
        action="send",
        now=now,
    )
    # A representative's changed identity stops nobody else: no keys go to her until it is accepted.
    if await changed_identities(connection, among={pair.patient, pair.professional} - {sender}):
        raise IdentityChangedError(room_id)
