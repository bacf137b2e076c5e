"""Messages to our devices: room keys, and what else concerns them (Matrix client-server API, 11.12.4).

    unknown sender device ──> /keys/query
    open with Olm, keep what it brought, mark the item processed ──> COMMIT, all of it or nothing
    Olm can't open it ──> a new session by m.dummy (once an hour for each device) ──> mark processed

What is malformed, unasked for or not for us is logged by its ids and marked processed. Trouble that passes
(homeserver, database) is raised: the item stays, and the caller tries again.
"""

import logging
from dataclasses import dataclass

import vodozemac
from sqlalchemy.ext.asyncio import AsyncConnection
from unpaddedbase64 import decode_base64

from bridge.clock import Now
from bridge.e2ee import inbound, olm, olm_payload, tracking
from bridge.e2ee.device_lists import DeviceLists, KnownDevice
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.model import OLM
from bridge.e2ee.recovery import Recovery
from bridge.e2ee.sharing import Sharing, ask_again
from bridge.e2ee.untrusted import dig, is_identifier, is_identity_key
from bridge.matrix.errors import MatrixError
from bridge.matrix.events import ToDeviceEvent
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database
from bridge.storage.inbox import mark_processed

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _OlmMessage:
    sender_key: str
    message: vodozemac.AnyOlmMessage


class ToDevice:
    """Handles what a homeserver hands us for our devices."""

    def __init__(
        self,
        *,
        database: Database,
        devices: Devices,
        device_lists: DeviceLists,
        sharing: Sharing,
        recovery: Recovery,
        pickle_key: bytes,
        now: Now,
    ) -> None:
        self._database = database
        self._devices = devices
        self._device_lists = device_lists
        self._sharing = sharing
        self._recovery = recovery
        self._pickle_key = pickle_key
        self._now = now

    async def receive(self, seq: int, event: ToDeviceEvent) -> None:
        """Take the item `seq` of the inbox in, and mark it processed in the transaction of its effects."""
        async with self._database.read() as connection:
            own = await self._devices.addressed(connection, event.to_user_id, event.to_device_id)
        try:
            if own is None:
                await self._done(seq)
            elif event.type == "m.room.encrypted":
                await self._encrypted(seq, own, event)
            elif event.type == "m.room_key.withheld":
                await self._withheld(seq, own, event)
            elif event.type == "m.room_key_request":
                await self._requested(seq, own, event)
            else:
                await self._done(seq)
        except MatrixError as error:
            if error.is_temporary:
                raise
            _refused(seq, event, f"the homeserver refuses what it takes ({error.errcode})")
            await self._done(seq)

    async def _done(self, seq: int) -> None:
        async with self._database.write() as connection:
            await mark_processed(connection, seq, at=self._now())

    async def _encrypted(self, seq: int, own: OwnDevice, event: ToDeviceEvent) -> None:
        received = _olm_message(event.content, own)
        if received is None:
            _refused(seq, event, "not an Olm message to this device")
            await self._done(seq)
            return
        await self._get_to_know(own, event.sender, received.sender_key)
        try:
            async with self._database.write() as connection:
                plaintext = await olm.open_message(
                    connection,
                    user_id=own.user_id,
                    sender_key=received.sender_key,
                    message=received.message,
                    devices=self._devices,
                    pickle_key=self._pickle_key,
                    now=self._now(),
                )
                try:
                    await olm_payload.take_in(
                        connection,
                        own=own,
                        sender=event.sender,
                        sender_key=received.sender_key,
                        plaintext=plaintext,
                        pickle_key=self._pickle_key,
                    )
                except olm_payload.PayloadRefusedError as error:
                    _refused(seq, event, str(error))
                await mark_processed(connection, seq, at=self._now())
        except olm.CannotOpenError:
            _refused(seq, event, "no Olm session opens it")
            await self._recovery.recover(own, user_id=event.sender, sender_key=received.sender_key)
            await self._done(seq)

    async def _get_to_know(self, own: OwnDevice, sender: str, sender_key: str) -> None:
        async with self._database.read() as connection:
            if await olm_payload.known_ed25519(connection, sender, sender_key) is not None:
                return
        async with self._database.write() as connection:
            await tracking.follow(connection, [sender], ask_again=True)
        try:
            await self._device_lists.refresh(acting=own.user_id, users=[sender])
        except MatrixError as error:
            if error.is_temporary:
                raise

    async def _withheld(self, seq: int, own: OwnDevice, event: ToDeviceEvent) -> None:
        content = event.content
        room_id, session_id, code = content.get("room_id"), content.get("session_id"), content.get("code")
        sender_key = content.get("sender_key")
        if code == "m.no_olm" and is_identity_key(sender_key):
            # They have no channel to us: make one, so that their next attempt has.
            await self._get_to_know(own, event.sender, sender_key)
            await self._recovery.recover(own, user_id=event.sender, sender_key=sender_key)
        async with self._database.write() as connection:
            if is_identifier(room_id) and is_identifier(session_id) and is_identifier(code):
                await inbound.store_withheld(
                    connection,
                    user_id=own.user_id,
                    room_id=room_id,
                    session_id=session_id,
                    sender=event.sender,
                    code=code,
                )
            await mark_processed(connection, seq, at=self._now())

    async def _requested(self, seq: int, own: OwnDevice, event: ToDeviceEvent) -> None:
        session_id = dig(event.content, "body", "session_id")
        device_id = event.content.get("requesting_device_id")
        is_request = event.content.get("action") == "request" and is_identifier(session_id)
        async with self._database.write() as connection:
            granted = False
            if is_request:
                device = await self._device(connection, event.sender, device_id)
                granted = device is not None and await ask_again(
                    connection, user_id=own.user_id, session_id=session_id, device=device
                )
            await mark_processed(connection, seq, at=self._now())
        if granted:
            await self._sharing.share_outstanding(members=[event.sender])

    async def _device(
        self, connection: AsyncConnection, user_id: str, device_id: object
    ) -> KnownDevice | None:
        devices = await self._device_lists.devices_of(connection, [user_id])
        return next((device for device in devices if device.device_id == device_id), None)


def _olm_message(content: JsonObject, own: OwnDevice) -> _OlmMessage | None:
    sender_key = content.get("sender_key")
    body = dig(content, "ciphertext", own.curve25519, "body")
    kind = dig(content, "ciphertext", own.curve25519, "type")
    if content.get("algorithm") != OLM or not is_identity_key(sender_key):
        return None
    if kind not in (0, 1) or not isinstance(body, str):
        return None
    try:
        return _OlmMessage(sender_key, vodozemac.AnyOlmMessage.from_parts(int(kind), decode_base64(body)))
    except ValueError:
        return None


def _refused(seq: int, event: ToDeviceEvent, why: str) -> None:
    _log.warning("to-device item %d from %s to %s refused: %s", seq, event.sender, event.to_user_id, why)
