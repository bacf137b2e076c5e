"""The rows of uploaded files: kept, claimed by one message, forgotten when no message came.

uploaded ──(with a message, in its transaction)──▶ sent ──(the homeserver has it)──▶ the key is forgotten
    └──(24 hours)──▶ forgotten                      └──(refused: bridge/messages/refused_sends.py)──▶ forgotten
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.attachments.content import Details
from bridge.attachments.errors import AttachmentUnusableError
from bridge.storage.attachments import attachments
from bridge.storage.sends import sends
from bridge.storage.statements import insert_once

KEPT = timedelta(hours=24)

_c = attachments.c
_ONE = (
    select(attachments, sends.c.event_id, sends.c.upgraded_room_id)
    .outerjoin(sends, sends.c.id == _c.send_id)
    .where(_c.id == bindparam("attachment_id"))
)
_CLAIM = (
    update(attachments)
    .where(
        _c.id == bindparam("attachment_id"),
        _c.owner == bindparam("by"),
        _c.conversation_id == bindparam("room_id"),
        _c.state == "uploaded",
    )
    .values(state="sent", send_id=bindparam("message"))
)
_OF_EVENTS = (
    select(_c.id, sends.c.event_id)
    .join(sends, sends.c.id == _c.send_id)
    .where(
        _c.conversation_id == bindparam("room_id"), sends.c.event_id.in_(bindparam("events", expanding=True))
    )
)
_UNSENT = delete(attachments).where(_c.state == "uploaded", _c.created_at <= bindparam("before"))
_DELIVERED = (
    update(attachments)
    .where(
        _c.state == "sent",
        _c.sealed.is_not(None),
        exists().where(sends.c.id == _c.send_id, sends.c.state.in_(["sent", "refused"])),
    )
    .values(sealed=None)
)


async def keep(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    attachment_id: str,
    conversation_id: str,
    owner: str,
    details: Details,
    now: datetime,
) -> None:
    """Remember an uploaded file; one with this id that is there already stays as it is."""
    await insert_once(
        connection,
        attachments,
        id=attachment_id,
        conversation_id=conversation_id,
        owner=owner,
        state="uploaded",
        sealed=sealer.seal(details.model_dump_json().encode(), context=_context(attachment_id)),
        created_at=now,
    )


async def find(connection: AsyncConnection, attachment_id: str) -> Row[Any] | None:
    """The row, with the `event_id` of its message once that was sent, and its `upgraded_room_id`."""
    return (await connection.execute(_ONE, {"attachment_id": attachment_id})).first()


def details_of(row: Row[Any], *, sealer: Sealer) -> Details | None:
    """What the row keeps sealed, if it still does."""
    if row.sealed is None:
        return None
    return Details.model_validate_json(sealer.open(row.sealed, context=_context(row.id)))


async def claim(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    index: int,
    attachment_id: str,
    conversation_id: str,
    owner: str,
    send_id: str,
) -> Details:
    """The file goes with this message and no other. Raises AttachmentUnusableError (`index` says which it is)."""
    wanted = {"attachment_id": attachment_id, "by": owner, "room_id": conversation_id, "message": send_id}
    claimed = (await connection.execute(_CLAIM, wanted)).rowcount
    row = await find(connection, attachment_id)
    is_own = row is not None and (row.owner, row.conversation_id) == (owner, conversation_id)
    details = details_of(row, sealer=sealer) if row is not None and claimed else None
    if details is None:
        raise AttachmentUnusableError(index, reason="sent" if is_own else "unknown")
    return details


async def ids_of_events(
    connection: AsyncConnection, *, conversation_id: str, event_ids: Iterable[str]
) -> dict[str, str]:
    """For messages of this conversation that carry one of our uploads: its id, by event id."""
    wanted = {"room_id": conversation_id, "events": list(event_ids)}
    return {row.event_id: row.id for row in await connection.execute(_OF_EVENTS, wanted)}


async def prune(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget what was not sent within 24 hours, and the keys of what was: the encrypted message holds them."""
    await connection.execute(_UNSENT, {"before": now - KEPT})
    await connection.execute(_DELIVERED)


def _context(attachment_id: str) -> str:
    return f"attachments:{attachment_id}"
