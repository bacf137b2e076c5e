"""From encrypted to sent: the stored ciphertext goes to the homeserver, and what it was there is noted.

Sent again, by us or another process, it is the same event, for it goes with the stored transaction id. What may have
been sent before is looked for in the room where that does not hold: after many hours, and when it must not go out any
more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from appointments.errors import NotAPartyError, NotInCareTeamError
from bridge.clock import Now
from bridge.deliveries.errors import NotNowError, NotWantedError
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import EncryptedEvent
from bridge.errors import IdentityChangedError
from bridge.facts import Fact, append
from bridge.matrix.client import MatrixClient
from bridge.messages.encrypting import Beside, Encrypting
from bridge.messages.late_retries import found_in_room, is_late
from bridge.storage.database import Database
from bridge.storage.send_statements import SET_SENT
from bridge.storage.sends import target_room
from bridge.timeline.recent import RecentEvents


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the homeserver has."""

    room_id: str
    event_id: str
    sent_at: datetime


class Sending:
    """Hands rows of the outbox to the homeserver; `told` is called when there is something to tell people."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        encrypting: Encrypting,
        recent: RecentEvents,
        told: Callable[[], None],
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._encryption = encryption
        self._encrypting = encrypting
        self._recent = recent
        self._told = told
        self._now = now

    async def send(self, row: Row[Any], *, is_new: bool, beside: Beside | None = None) -> Sent | None:
        """Send what is encrypted; None when another process was faster. `is_new`: a moment ago, and never sent.

        Raises what `require_speaking` raises when it must not go out any more and the room does not have it;
        MatrixError, HomeserverUnreachableError.
        """
        event_id = None if is_new else await self._sent_before(row)
        event_id = event_id or await self._matrix.send_event(
            user_id=row.sender,
            device_id=row.device_id,
            room_id=target_room(row),
            event_type="m.room.encrypted",
            txn_id=row.txn_id,
            content=row.content,
        )
        return await self._mark_sent(row, event_id, beside)

    async def _sent_before(self, row: Row[Any]) -> str | None:
        """The event id, if this message is in the room already and sending it again might repeat it."""
        refusal: Exception | None = None
        async with self._database.read() as connection:
            try:
                await self._encrypting.require_speaking(connection, row)
            except (
                NotInCareTeamError,
                NotAPartyError,
                IdentityChangedError,
                NotWantedError,
                NotNowError,
            ) as error:
                refusal = error
        if refusal is None and not is_late(row, now=self._now()):
            return None
        event_id = await found_in_room(self._matrix, row)
        if event_id is None and refusal is not None:
            raise refusal
        return event_id

    async def _mark_sent(self, row: Row[Any], event_id: str, beside: Beside | None) -> Sent | None:
        now = self._now()
        # Sent again with the same transaction id, it would be the same event.
        async with self._database.write(synced=False) as connection:
            done = await connection.execute(SET_SENT, {"row": row.seq, "event": event_id, "instant": now})
            if not done.rowcount:
                return None
            await append(connection, _sent_fact(row, event_id, now))
            await self._encryption.note_sent(
                connection, row.content, message_index=row.message_index, event_id=event_id
            )
            if beside is not None:
                await beside.sent(connection, event_id=event_id, room_id=row.room_id, sent_at=now)
        # What was sent is told at once, and read from here.
        self._recent.keep(
            EncryptedEvent(
                event_id=event_id, room_id=target_room(row), sender=row.sender, content=row.content
            ),
            is_sent=True,
        )
        self._told()
        return Sent(room_id=row.room_id, event_id=event_id, sent_at=now)


def _sent_fact(row: Row[Any], event_id: str, now: datetime) -> Fact:
    return Fact(
        id=f"message.sent:{row.id}",
        kind="message.sent",
        subject=row.room_id,
        at=now,
        data={"event_id": event_id, "sender": row.sender},
    )
