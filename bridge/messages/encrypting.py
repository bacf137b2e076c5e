"""From accepted to encrypted: permission asked again, keys shared, ciphertext and ratchet committed together.

Where nothing stands in the way of a new message, it is taken in by that very commit.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.errors import NotAPartyError, NotInCareTeamError
from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee.errors import NoDeviceError, SessionNotReadyError
from bridge.e2ee.machine import Encryption
from bridge.errors import HomeserverUnavailableError, IdentityChangedError
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.notices.judging import require_still_said
from bridge.rooms.rooms import Reading, RoomEncryption, consult_room_of
from bridge.rooms.speaking import speaking_in, speaking_to
from bridge.storage.database import Database
from bridge.storage.reviews import is_due
from bridge.storage.send_statements import BY_SEQ, IS_ANY_WAITING, SET_ENCRYPTED
from bridge.storage.sends import sends
from bridge.storage.statements import insert_new

RETRY_AFTER_S = 5.0

_ATTEMPTS = 5


class Beside(Protocol):
    """What goes into the commits of a message with it, where it is taken in and encrypted by one."""

    async def take_in(self, connection: AsyncConnection) -> bool:
        """In the commit that takes the message in; False undoes that, for there is more to it."""

    async def sent(
        self, connection: AsyncConnection, *, event_id: str, room_id: str, sent_at: datetime
    ) -> None:
        """In the commit that notes the message sent."""


class _TakenByAnotherProcessError(Exception):
    """Another process encrypted this row meanwhile."""


class _NotAtOnceError(Exception):
    """Something has to be done before this message is encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What somebody wants to say in a conversation, by its id; `send_id` is the same whenever she says it again."""

    send_id: str
    room_id: str
    sender: str
    event_type: str
    content: JsonObject
    beside: Beside | None = None


class Encrypting:
    """Encrypts messages that wait in the outbox.

    `reading` names the assistant, which may write as long as the patient may.
    """

    def __init__(
        self, *, database: Database, encryption: Encryption, sealer: Sealer, reading: Reading, now: Now
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._sealer = sealer
        self._reading = reading
        self._now = now

    async def encrypt(self, row: Row[Any]) -> Row[Any]:
        """The row as it stands then: encrypted, by us or by another process, which may even have sent it.

        Raises what `require_speaking` raises; HomeserverUnavailableError, NoDeviceError.
        """
        content = json.loads(self._sealer.open(row.sealed, context=f"sends:{row.id}"))
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.write() as connection:
                    return await self._encrypt_in(connection, row, content)
            except SessionNotReadyError:
                await self._prepare(row)
            except _TakenByAnotherProcessError:
                async with self._database.read() as connection:
                    return (await connection.execute(BY_SEQ, {"row": row.seq})).one()
        raise HomeserverUnavailableError("no encryption session could be made ready")

    async def take_in(self, message: NewMessage) -> Row[Any] | None:
        """The row of a message in a consult room, taken in and encrypted by one commit.

        None when there is more to it, with nothing changed: it was taken in before, others wait in its room, the room
        or the session has to be made ready, or it is to be refused.
        """
        try:
            async with self._database.write() as connection:
                return await self._take_in(connection, message)
        except (
            _NotAtOnceError,
            SessionNotReadyError,
            NoDeviceError,
            NotInCareTeamError,
            NotAPartyError,
            IdentityChangedError,
        ):
            return None

    async def _take_in(self, connection: AsyncConnection, message: NewMessage) -> Row[Any]:
        now = self._now()
        waiting = await connection.execute(IS_ANY_WAITING, {"room_id": message.room_id})
        room = await consult_room_of(connection, message.room_id)
        if waiting.first() is not None or room is None or is_due(room, now):
            raise _NotAtOnceError
        room.circle.require(message.sender, "send", now=now)  # in her own right: the assistant has none
        speaking = await speaking_in(connection, room, sender=message.sender, reading=self._reading, now=now)
        if message.beside is not None and not await message.beside.take_in(connection):
            raise _NotAtOnceError
        encrypted = await self._encryption.encrypt(
            connection,
            user_id=message.sender,
            room_id=room.room_id,
            recipients=speaking.recipients,
            event_type=message.event_type,
            content=message.content,
        )
        row = await insert_new(
            connection,
            sends,
            id=message.send_id,
            room_id=message.room_id,
            upgraded_room_id=None if room.room_id == message.room_id else room.room_id,
            sender=message.sender,
            event_type=message.event_type,
            txn_id=str(uuid.uuid4()),
            state="encrypted",
            content=encrypted.content,
            device_id=encrypted.device_id,
            session_id=encrypted.session_id,
            message_index=encrypted.message_index,
            accepted_at=now,
        )
        if row is None:
            raise _NotAtOnceError
        return row

    async def require_speaking(self, connection: AsyncConnection, row: Row[Any]) -> RoomEncryption:
        """For whom this message is encrypted, if it may leave now. Raises what `speaking_to` raises.

        NotWantedError and NotNowError for what the ledger of deliveries has no more to say.
        """
        now = self._now()
        room = await speaking_to(
            connection, room_id=row.room_id, sender=row.sender, reading=self._reading, now=now
        )
        await require_still_said(connection, row, sealer=self._sealer, now=now)
        return room

    async def _prepare(self, row: Row[Any]) -> None:
        async with self._database.read() as connection:
            room = await self.require_speaking(connection, row)
        try:
            await self._encryption.prepare(
                user_id=row.sender, room_id=room.room_id, recipients=room.recipients, rotation=room.rotation
            )
        except MatrixError as error:  # whatever is refused there, it is not this message
            raise HomeserverUnavailableError(retry_after_s=error.retry_after_s or RETRY_AFTER_S) from error

    async def _encrypt_in(
        self, connection: AsyncConnection, row: Row[Any], content: dict[str, Any]
    ) -> Row[Any]:
        room = await self.require_speaking(connection, row)
        encrypted = await self._encryption.encrypt(
            connection,
            user_id=row.sender,
            room_id=room.room_id,
            recipients=room.recipients,
            event_type=row.event_type,
            content=content,
        )
        updated = await connection.execute(
            SET_ENCRYPTED,
            {
                "row": row.seq,
                "target": None if room.room_id == row.room_id else room.room_id,
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
