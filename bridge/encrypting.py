"""From accepted to encrypted: permission asked again, keys shared, ciphertext and ratchet committed together."""

import json
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.database import Database
from bridge.e2ee.errors import SessionNotReadyError
from bridge.e2ee.machine import Encryption
from bridge.errors import HomeserverUnavailableError
from bridge.matrix.errors import MatrixError
from bridge.reminding.judging import require_still_said
from bridge.rooms import Reading, RoomEncryption
from bridge.speaking import speaking_to
from bridge.storage.send_statements import BY_SEQ, SET_ENCRYPTED

RETRY_AFTER_S = 5.0

_ATTEMPTS = 5


class _TakenByAnotherProcessError(Exception):
    """Another process encrypted this row meanwhile."""


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

    async def require_speaking(self, connection: AsyncConnection, row: Row[Any]) -> RoomEncryption:
        """For whom this message is encrypted, if it may leave now. Raises what bridge.speaking.speaking_to raises.

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
                user_id=row.sender, room_id=row.room_id, recipients=room.recipients, rotation=room.rotation
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
            room_id=row.room_id,
            recipients=room.recipients,
            event_type=row.event_type,
            content=content,
        )
        updated = await connection.execute(
            SET_ENCRYPTED,
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
