"""Messages on their way to the homeserver: each exactly once, in order within a room, whatever dies when.

    accept ──▶ accepted ──(Megolm)──▶ encrypted ──(PUT /send)──▶ sent
      │           ciphertext and the advanced ratchet              event id and fact
      │           in one commit                                    in one commit
      └ the content, sealed, in one commit

A message that nothing stands in the way of is taken in as `encrypted`, by the one commit.

A crash leaves a row in one of these states and the next delivery goes on from there: what was encrypted is never
encrypted again, and the stored ciphertext is sent with the stored transaction id, which the homeserver
de-duplicates. So two processes that deliver the same row at the same time do no harm either.

Who sends waits only so long for a homeserver that doesn't answer, wherever her message stands in its room: it is
taken in before it waits there, and what was not sent in time is left to `deliver_waiting`.

Whether the sender may still write is asked with each step (bridge/rooms/speaking.py): in the commit that encrypts,
and before a stored ciphertext is sent once more. What must not go out any more is refused, unless the room has it.
"""

import asyncio
import json
import logging
import math
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.errors import NotAPartyError, NotInCareTeamError
from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries.errors import NotNowError, NotWantedError
from bridge.e2ee.errors import NoDeviceError
from bridge.e2ee.machine import Encryption
from bridge.errors import HomeserverUnavailableError, IdentityChangedError, MessageRefusedError, ServiceError
from bridge.locks import KeyedLocks, NotMyTurnError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.messages.encrypting import RETRY_AFTER_S, Beside, Encrypting, NewMessage
from bridge.messages.refused_sends import is_final
from bridge.messages.sending import Sending, Sent
from bridge.rooms.rooms import Reading
from bridge.storage.database import Database
from bridge.storage.send_statements import BY_ID, SET_REFUSED, WAITING, WAITING_IN_ROOM
from bridge.storage.sends import DELIVERY_PREFIX, sends
from bridge.storage.statements import insert_once
from bridge.timeline.recent import RecentEvents

log = logging.getLogger(__name__)

_SOON_S = 1.0
"""For how long a message waits for others of its room before it is taken in: each takes milliseconds."""

_TURN_S = 10.0
"""For how long it waits then, while its sender waits for the answer; less than one request may take."""

_WITHDRAWN = (NotWantedError, NotNowError)
"""A reminder whose appointment has changed, or whose words are no longer true."""


class Outbox:
    """Takes messages in and delivers them."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        sealer: Sealer,
        reading: Reading,
        recent: RecentEvents,
        told: Callable[[], None],
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._sealer = sealer
        self._encrypting = Encrypting(
            database=database, encryption=encryption, sealer=sealer, reading=reading, now=now
        )
        self._sending = Sending(
            database=database,
            matrix=matrix,
            encryption=encryption,
            encrypting=self._encrypting,
            recent=recent,
            told=told,
            now=now,
        )
        self._now = now
        self._rooms = KeyedLocks()

    async def accept(
        self,
        connection: AsyncConnection,
        *,
        send_id: str,
        room_id: str,
        sender: str,
        event_type: str,
        content: dict[str, Any],
    ) -> None:
        """Take a message in, in the caller's transaction.

        A message with this `send_id` that is there already stays as it is.
        """
        row = {
            "id": send_id,
            "room_id": room_id,
            "sender": sender,
            "event_type": event_type,
            "txn_id": str(uuid.uuid4()),
            "state": "accepted",
            "sealed": self._sealer.seal(json.dumps(content).encode(), context=f"sends:{send_id}"),
            "accepted_at": self._now(),
        }
        await insert_once(connection, sends, **row)

    async def find(self, send_id: str) -> Row[Any] | None:
        """The row of a message that was taken in, if it was."""
        async with self._database.read() as connection:
            return (await connection.execute(BY_ID, {"send_id": send_id})).first()

    async def send(self, message: NewMessage) -> Sent | None:
        """Take a message in a consult room in and send it, with one commit before it leaves.

        None when there is more to it (encrypting.py), or others of its room take long: what `accept` and `deliver`
        are for. Raises as `deliver` does, and then it was taken in.
        """
        try:
            async with self._rooms.within(_SOON_S, message.room_id):
                row = await self._encrypting.take_in(message)
                if row is None:
                    return None
                sent = await self._deliver_or_refuse(
                    row, raise_refusal=True, is_new=True, beside=message.beside
                )
        except NotMyTurnError:
            return None
        return sent or await self._outcome(message.send_id)

    async def deliver(self, *, send_id: str, room_id: str) -> Sent:
        """Send what waits in this room up to and including this message.

        Raises HomeserverUnavailableError (also when its turn does not come in time) and IdentityChangedError, after
        which the message still waits and `deliver_waiting` goes on with it; NotInCareTeamError and
        MessageRefusedError, and for what the ledger of deliveries says NotWantedError and NotNowError, after which it
        does not.
        """
        until = asyncio.get_running_loop().time() + _TURN_S
        try:
            async with self._rooms.within(_TURN_S, room_id):
                sent = await self._deliver_up_to(send_id, room_id, until=until)
        except NotMyTurnError as error:
            raise HomeserverUnavailableError from error
        return sent or await self._outcome(send_id)

    async def deliver_waiting(self) -> None:
        """Send everything that waits, for instance after a crash or an outage of the homeserver.

        Not what the ledger of deliveries has to judge first: that is said by the ledger's next try.
        """
        async with self._database.read() as connection:
            latest = {row.room_id: row for row in await connection.execute(WAITING, {"send_id": ""})}
        for row in latest.values():
            try:
                async with self._rooms[row.room_id]:
                    await self._deliver_up_to(row.id, row.room_id, until=math.inf)
            except (ServiceError, NotInCareTeamError, *_WITHDRAWN):
                continue  # one room's trouble need not be another's

    async def _deliver_up_to(self, send_id: str, room_id: str, *, until: float) -> Sent | None:
        """What this message became, unless that is to be looked up. After `until` nothing is begun any more."""
        async with self._database.read() as connection:
            asked = {"room_id": room_id, "send_id": send_id}
            waiting = (await connection.execute(WAITING_IN_ROOM, asked)).all()
        sent: Sent | None = None
        for row in waiting:
            if asyncio.get_running_loop().time() > until:
                raise HomeserverUnavailableError
            sent = await self._deliver_or_refuse(row, raise_refusal=row.id == send_id)
        return sent if waiting and waiting[-1].id == send_id else None

    async def _outcome(self, send_id: str) -> Sent:
        row = await self.find(send_id)
        if row is not None and row.state == "refused" and row.id.startswith(DELIVERY_PREFIX):
            raise NotNowError(self._now())  # its words were no longer true: the ledger finds others
        if row is None or row.state != "sent":
            raise MessageRefusedError
        return Sent(room_id=row.room_id, event_id=row.event_id, sent_at=row.sent_at)

    async def _deliver_or_refuse(
        self, row: Row[Any], *, raise_refusal: bool, is_new: bool = False, beside: Beside | None = None
    ) -> Sent | None:
        """What was sent; None when it must not go out (any more) or another process was faster.

        `is_new`: encrypted a moment ago, and never sent.
        """
        try:
            return await self._deliver_row(row, is_new=is_new, beside=beside)
        except IdentityChangedError:
            if raise_refusal:
                raise
        except (NotInCareTeamError, NotAPartyError, *_WITHDRAWN) as error:
            log.warning("message %s must not go out any more", row.seq)
            await self._refuse(row)
            if raise_refusal:
                raise error if isinstance(error, _WITHDRAWN) else NotInCareTeamError from error
        except (HomeserverUnreachableError, NoDeviceError) as error:  # a device may not be published yet
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            if not await is_final(self._matrix, row, error):
                raise HomeserverUnavailableError(
                    retry_after_s=error.retry_after_s or RETRY_AFTER_S
                ) from error
            log.warning("message %s refused by the homeserver: %s %s", row.seq, error.status, error.errcode)
            await self._refuse(row)
            if raise_refusal:
                raise MessageRefusedError from error
        return None

    async def _deliver_row(self, row: Row[Any], *, is_new: bool, beside: Beside | None) -> Sent | None:
        if row.state == "accepted":
            row, is_new = await self._encrypting.encrypt(row), True
        if row.state != "encrypted":  # another process was faster
            return None
        return await self._sending.send(row, is_new=is_new, beside=beside)

    async def _refuse(self, row: Row[Any]) -> None:
        async with self._database.write() as connection:
            await connection.execute(SET_REFUSED, {"row": row.seq})
