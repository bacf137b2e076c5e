"""Messages on their way to the homeserver: each exactly once, in order within a room, whatever dies when.

    accept ──▶ accepted ──(Megolm)──▶ encrypted ──(PUT /send)──▶ sent
      │           ciphertext and the advanced ratchet              event id and fact
      │           in one commit                                    in one commit
      └ the content, sealed, in one commit

A crash leaves a row in one of these states and the next delivery goes on from there: what was encrypted is never
encrypted again, and the stored ciphertext is sent with the stored transaction id, which the homeserver
de-duplicates. So two processes that deliver the same row at the same time do no harm either.

Whether the sender may still write is asked with each step (bridge/speaking.py): in the commit that encrypts, and
before a stored ciphertext is sent once more. What must not go out any more is refused, unless the room has it.
"""

import json
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.errors import NotAPartyError, NotInCareTeamError
from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.database import Database
from bridge.e2ee.errors import NoDeviceError, SessionNotReadyError
from bridge.e2ee.machine import Encryption
from bridge.errors import (
    HomeserverUnavailableError,
    IdentityChangedError,
    MessageRefusedError,
    ServiceError,
)
from bridge.facts import Fact, append
from bridge.locks import KeyedLocks
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.rooms import room_encryption
from bridge.speaking import require_speaking
from bridge.storage.sends import sends
from bridge.storage.statements import insert_once

log = logging.getLogger(__name__)

_HOMESERVER_FORGETS_TXN_IDS_AFTER = timedelta(hours=12)
"""Half of what Synapse promises: a later retry looks first whether the message is in the room already."""

_CLOCKS_DIFFER_BY = timedelta(hours=1)
_REFUSALS = (400, 403, 413)
"""Answers about this very message; a token that is not known, say, is the operator's trouble and may end."""

_ENCRYPT_ATTEMPTS = 5
_RETRY_AFTER_S = 5.0
_WAITING = sends.c.state.in_(["accepted", "encrypted"])

_SEQ = select(sends.c.seq).where(sends.c.id == bindparam("send_id"))
_OF_ROOM = (
    select(sends)
    .where(_WAITING, sends.c.room_id == bindparam("room_id"), sends.c.seq <= bindparam("up_to"))
    .order_by(sends.c.seq)
)
_BY_ID = select(sends).where(sends.c.id == bindparam("send_id"))
_SET_ENCRYPTED = (
    update(sends)
    .where(sends.c.seq == bindparam("row"), sends.c.state == "accepted")
    .values(
        state="encrypted",
        sealed=None,
        content=bindparam("ciphertext"),
        device_id=bindparam("device"),
        session_id=bindparam("session"),
        message_index=bindparam("ratchet"),
    )
    .returning(sends)
)
_SET_SENT = (
    update(sends)
    .where(sends.c.seq == bindparam("row"), sends.c.state == "encrypted")
    .values(state="sent", content=None, event_id=bindparam("event"), sent_at=bindparam("instant"))
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the homeserver has."""

    room_id: str
    event_id: str
    sent_at: datetime


class _TakenByAnotherProcessError(Exception):
    """Another process encrypted this row meanwhile."""


class Outbox:
    """Takes messages in and delivers them."""

    def __init__(
        self,
        *,
        database: Database,
        matrix: MatrixClient,
        encryption: Encryption,
        sealer: Sealer,
        assistant_id: str,
        now: Now,
    ) -> None:
        self._database = database
        self._matrix = matrix
        self._encryption = encryption
        self._sealer = sealer
        self._assistant_id = assistant_id
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
    ) -> int:
        """Take a message in, in the caller's transaction; its place in the order.

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
        seq: int = (await connection.execute(_SEQ, {"send_id": send_id})).scalar_one()
        return seq

    async def find(self, send_id: str) -> Row[Any] | None:
        """The row of a message that was taken in, if it was."""
        async with self._database.read() as connection:
            return (await connection.execute(_BY_ID, {"send_id": send_id})).first()

    async def deliver(self, *, send_id: str, room_id: str, seq: int) -> Sent:
        """Send what waits in this room up to and including this message.

        Raises HomeserverUnavailableError and IdentityChangedError, after which the message still waits and
        `deliver_waiting` goes on with it; NotInCareTeamError and MessageRefusedError, after which it does not.
        """
        async with self._rooms[room_id]:
            async with self._database.read() as connection:
                waiting = (await connection.execute(_OF_ROOM, {"room_id": room_id, "up_to": seq})).all()
            for row in waiting:
                await self._deliver_or_refuse(row, raise_refusal=row.id == send_id)
        return await self._outcome(send_id)

    async def deliver_waiting(self) -> None:
        """Send everything that waits, for instance after a crash or an outage of the homeserver."""
        async with self._database.read() as connection:
            query = select(sends.c.room_id, sends.c.id, sends.c.seq).where(_WAITING).order_by(sends.c.seq)
            latest = {row.room_id: row for row in await connection.execute(query)}
        for row in latest.values():
            try:
                await self.deliver(send_id=row.id, room_id=row.room_id, seq=row.seq)
            except (ServiceError, NotInCareTeamError):  # one room's trouble need not be another's
                continue

    async def _outcome(self, send_id: str) -> Sent:
        row = await self.find(send_id)
        if row is None or row.state != "sent":
            raise MessageRefusedError
        return Sent(room_id=row.room_id, event_id=row.event_id, sent_at=row.sent_at)

    async def _deliver_or_refuse(self, row: Row[Any], *, raise_refusal: bool) -> None:
        try:
            await self._deliver_row(row)
        except IdentityChangedError:
            if raise_refusal:
                raise
        except (NotInCareTeamError, NotAPartyError) as error:
            log.warning("message %s must not go out any more", row.seq)
            await self._refuse(row)
            if raise_refusal:
                raise NotInCareTeamError from error
        except (HomeserverUnreachableError, NoDeviceError) as error:  # a device may not be published yet
            raise HomeserverUnavailableError from error
        except MatrixError as error:
            if error.status not in _REFUSALS:
                raise HomeserverUnavailableError(
                    retry_after_s=error.retry_after_s or _RETRY_AFTER_S
                ) from error
            log.warning("message %s refused by the homeserver: %s %s", row.seq, error.status, error.errcode)
            await self._refuse(row)
            if raise_refusal:
                raise MessageRefusedError from error

    async def _deliver_row(self, row: Row[Any]) -> None:
        event_id: str | None = None
        if row.state == "accepted":
            row = await self._encrypt(row)
        else:
            event_id = await self._sent_before(row)
        if row.state != "encrypted":  # another process was faster
            return
        event_id = event_id or await self._matrix.send_event(
            user_id=row.sender,
            device_id=row.device_id,
            room_id=row.room_id,
            event_type="m.room.encrypted",
            txn_id=row.txn_id,
            content=row.content,
        )
        await self._mark_sent(row, event_id)

    async def _sent_before(self, row: Row[Any]) -> str | None:
        """The event id, if this message is in the room already and sending it again might repeat it.

        Raises what `require_speaking` raises when the message is not there and must not go out any more.
        """
        refusal: Exception | None = None
        async with self._database.read() as connection:
            try:
                await self._require_speaking(connection, row)
            except (NotInCareTeamError, NotAPartyError, IdentityChangedError) as error:
                refusal = error
        is_recent = self._now() - row.accepted_at < _HOMESERVER_FORGETS_TXN_IDS_AFTER
        if refusal is None and is_recent:
            return None
        event_id = await self._found_in_room(row)
        if event_id is None and refusal is not None:
            raise refusal
        return event_id

    async def _require_speaking(self, connection: AsyncConnection, row: Row[Any]) -> None:
        await require_speaking(
            connection,
            room_id=row.room_id,
            sender=row.sender,
            now=self._now(),
            assistant=self._assistant_id,
        )

    async def _encrypt(self, row: Row[Any]) -> Row[Any]:
        """The row as it stands then: encrypted, by us or by another process, which may even have sent it."""
        content = json.loads(self._sealer.open(row.sealed, context=f"sends:{row.id}"))
        for _ in range(_ENCRYPT_ATTEMPTS):
            try:
                await self._prepare(row)
                async with self._database.write() as connection:
                    return await self._encrypt_in(connection, row, content)
            except SessionNotReadyError:
                continue
            except _TakenByAnotherProcessError:
                async with self._database.read() as connection:
                    return (await connection.execute(_BY_ID, {"send_id": row.id})).one()
        raise HomeserverUnavailableError("no encryption session could be made ready")

    async def _prepare(self, row: Row[Any]) -> None:
        async with self._database.read() as connection:
            await self._require_speaking(connection, row)
            room = await room_encryption(connection, row.room_id, now=self._now())
        try:
            await self._encryption.prepare(
                user_id=row.sender, room_id=row.room_id, recipients=room.recipients, rotation=room.rotation
            )
        except MatrixError as error:  # whatever is refused there, it is not this message
            raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or _RETRY_AFTER_S) from error

    async def _encrypt_in(
        self, connection: AsyncConnection, row: Row[Any], content: dict[str, Any]
    ) -> Row[Any]:
        await self._require_speaking(connection, row)
        encrypted = await self._encryption.encrypt(
            connection,
            user_id=row.sender,
            room_id=row.room_id,
            event_type=row.event_type,
            content=content,
        )
        updated = await connection.execute(
            _SET_ENCRYPTED,
            {
                "row": row.seq,
                "ciphertext": encrypted.content,
                "device": encrypted.device_id,
                "session": encrypted.session_id,
                "ratchet": encrypted.message_index,
            },
        )
        after: Row[Any] | None = updated.first()
        if after is None:
            raise _TakenByAnotherProcessError
        return after

    async def _found_in_room(self, row: Row[Any]) -> str | None:
        """The event id of a message that was sent, if we died before we could note it."""
        token: str | None = None
        while True:
            page = await self._matrix.messages(
                user_id=row.sender,
                room_id=row.room_id,
                limit=100,
                from_token=token,
                event_types=["m.room.encrypted"],
            )
            for event in page.chunk:
                is_own = event["sender"] == row.sender  # others may repeat what they saw
                if is_own and event["content"].get("ciphertext") == row.content["ciphertext"]:
                    return str(event["event_id"])
            if page.end is None or _reaches_before(page.chunk, row):
                return None
            token = page.end

    async def _mark_sent(self, row: Row[Any], event_id: str) -> None:
        now = self._now()
        async with self._database.write() as connection:
            done = await connection.execute(_SET_SENT, {"row": row.seq, "event": event_id, "instant": now})
            if done.rowcount:
                await append(connection, _sent_fact(row, event_id, now))

    async def _refuse(self, row: Row[Any]) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(sends)
                .where(sends.c.seq == row.seq, _WAITING)
                .values(state="refused", sealed=None, content=None)
            )


def _reaches_before(chunk: list[dict[str, Any]], row: Row[Any]) -> bool:
    # Only the sender's own events count: their time is our homeserver's, others' may be anything.
    start = (row.accepted_at - _CLOCKS_DIFFER_BY).timestamp() * 1000
    return any(event["sender"] == row.sender and event["origin_server_ts"] < start for event in chunk)


def _sent_fact(row: Row[Any], event_id: str, now: datetime) -> Fact:
    return Fact(
        id=f"message.sent:{row.id}",
        kind="message.sent",
        subject=row.room_id,
        at=now,
        data={"event_id": event_id},
    )
