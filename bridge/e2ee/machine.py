"""The public face of the bridge's end-to-end encryption; each promise is kept by the module it names."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee import devices, forgetting, megolm, message_indexes, winding
from bridge.e2ee.changed_identities import ChangedIdentities
from bridge.e2ee.changes import Changes
from bridge.e2ee.decryption import CatchUp, Decryption
from bridge.e2ee.device_lists import DeviceLists
from bridge.e2ee.devices import Devices
from bridge.e2ee.errors import NoDeviceError, SessionNotReadyError
from bridge.e2ee.healing import Healing
from bridge.e2ee.key_upload import KeyUpload
from bridge.e2ee.model import Decrypted, Device, Encrypted, EncryptedEvent, Rotation, Undecryptable
from bridge.e2ee.ports import KeyServer, Newcomers
from bridge.e2ee.preparation import Preparation
from bridge.e2ee.ready import ReadySessions
from bridge.e2ee.recovery import Recovery
from bridge.e2ee.renewing import Renewing
from bridge.e2ee.settings import EncryptionSettings
from bridge.e2ee.sharing import Sharing
from bridge.e2ee.to_device import ToDevice
from bridge.locks import KeyedLocks
from bridge.matrix.events import ToDeviceEvent
from bridge.matrix.json import JsonObject
from bridge.storage.database import Database


class Encryption:
    """One device for each of our users, and everything encrypted that goes in or out of it.

    `pickle_key` has 32 bytes; `newcomers` get no keys yet; `identities` has who waits to be accepted. Methods that
    talk to the homeserver raise MatrixError and HomeserverUnreachableError; repeating any of them is harmless.
    """

    def __init__(
        self,
        *,
        database: Database,
        key_server: KeyServer,
        pickle_key: bytes,
        sealer: Sealer,
        now: Now,
        options: EncryptionSettings,
        newcomers: Newcomers,
        catch_up: CatchUp | None,
    ) -> None:
        self._database = database
        self._key_server = key_server
        self._pickle_key = pickle_key
        self._one_time_keys = options.one_time_keys
        self._now = now
        self._devices = Devices(pickle_key=pickle_key, idle=timedelta(seconds=options.idle_unload_s), now=now)
        self._ready = ReadySessions()
        locks = KeyedLocks()
        device_lists = DeviceLists(
            database=database, key_server=key_server, only_signed_devices=options.only_signed_devices, now=now
        )
        self._keys = KeyUpload(
            database=database,
            key_server=key_server,
            devices=self._devices,
            locks=locks,
            sealer=sealer,
            options=options,
            now=now,
        )
        self.renewing = Renewing(database=database, key_server=key_server, keys=self._keys)
        sharing = Sharing(
            database=database,
            key_server=key_server,
            devices=self._devices,
            device_lists=device_lists,
            newcomers=newcomers,
            locks=locks,
            pickle_key=pickle_key,
            sealer=sealer,
            now=now,
        )
        self._preparation = Preparation(
            database=database,
            devices=self._devices,
            device_lists=device_lists,
            sharing=sharing,
            ready=self._ready,
            locks=locks,
            pickle_key=pickle_key,
            sealer=sealer,
            now=now,
        )
        recovery = Recovery(
            database=database,
            key_server=key_server,
            devices=self._devices,
            device_lists=device_lists,
            pickle_key=pickle_key,
            now=now,
        )
        self._to_device = ToDevice(
            database=database,
            devices=self._devices,
            device_lists=device_lists,
            sharing=sharing,
            recovery=recovery,
            pickle_key=pickle_key,
            now=now,
        )
        self._decryption = Decryption(
            database=database, devices=self._devices, catch_up=catch_up, pickle_key=pickle_key
        )
        self._changes = Changes(
            database=database, device_lists=device_lists, sharing=sharing, ready=self._ready
        )
        self.identities = ChangedIdentities(database=database, changes=self._changes)
        self._healing = Healing(
            database=database, device_lists=device_lists, keys=self._keys, sharing=sharing
        )

    async def provision(self, user_id: str) -> None:
        """Give this user one published, cross-signed device, or finish an interrupted attempt."""
        await self._keys.provision(user_id)

    async def check_secret(self) -> None:
        """Raises SealBrokenError when the settings' secret is not the one that our devices are sealed with."""
        await self._keys.check_secret()

    async def device_of(self, user_id: str) -> Device | None:
        """This user's device, once provisioned."""
        async with self._database.read() as connection:
            own = await self._devices.own(connection, user_id)
        return None if own is None else Device(own.user_id, own.device_id)

    async def all_devices(self) -> list[Device]:
        """Every provisioned device."""
        async with self._database.read() as connection:
            return await devices.published_devices(connection)

    async def forget_device(self, user_id: str) -> None:
        """Destroy every key of this user; if she comes back, she reads nothing of before and has her identity."""
        await forgetting.forget_device(user_id, database=self._database, key_server=self._key_server)
        self._devices.forget(user_id)

    async def republish(self, user_id: str, device_id: str) -> None:
        """The homeserver lost this device: `heal` is to make it there again, under the same keys."""
        async with self._database.write() as connection:
            await self._devices.unpublish(connection, user_id, device_id, one_time_keys=self._one_time_keys)

    async def prepare(
        self, *, user_id: str, room_id: str, recipients: frozenset[str], rotation: Rotation
    ) -> None:
        """See to it that everybody entitled can read what this user encrypts next in this room.

        Raises NoDeviceError, and SessionNotReadyError if devices kept changing meanwhile.
        """
        await self._preparation.prepare(
            user_id=user_id, room_id=room_id, recipients=recipients, rotation=rotation
        )

    async def encrypt(
        self,
        connection: AsyncConnection,
        *,
        user_id: str,
        room_id: str,
        recipients: frozenset[str],
        event_type: str,
        content: JsonObject,
    ) -> Encrypted:
        """Encrypt in the caller's write transaction, which must store the ciphertext before it leaves.

        Raises SessionNotReadyError when `prepare` must run for these recipients (again), NoDeviceError.
        """
        # The device lives as long as its sessions, and one that is over is refused below.
        own = await self._devices.remembered(connection, user_id)
        if own is None:
            raise NoDeviceError(user_id)
        session_id = self._ready.session_for(user_id, room_id, recipients | {user_id}, self._now())
        if session_id is None:
            raise SessionNotReadyError
        try:
            return await megolm.encrypt(
                connection,
                own=own,
                session_id=session_id,
                room_id=room_id,
                event_type=event_type,
                content=content,
                pickle_key=self._pickle_key,
                now=self._now(),
            )
        except SessionNotReadyError:
            self._ready.drop(user_id, room_id)
            raise

    async def note_sent(
        self, connection: AsyncConnection, content: JsonObject, *, message_index: int, event_id: str
    ) -> None:
        """What `encrypt` made is this event, and any other with the same ciphertext is a replay."""
        use = (content["session_id"], content["sender_key"], message_index)
        await message_indexes.claim_own(connection, use, event_id=event_id)

    async def receive_to_device(self, seq: int, event: ToDeviceEvent) -> None:
        """Take in one item of the inbox and mark it processed. Raises only what a later attempt may mend."""
        await self._to_device.receive(seq, event)

    async def device_lists_changed(self, changed: Collection[str], left: Collection[str]) -> None:
        """Users' devices changed; those who left share no room with us any more (MSC3202)."""
        await self._changes.device_lists_changed(changed, left)

    async def share_history(self, room_id: str, user_id: str) -> None:
        """A recipient joined: ask for her devices, and give them what she was to read, unless she is new yet."""
        await self._changes.joined(room_id, user_id)

    async def owe_history(self, connection: AsyncConnection, room_id: str, user_id: str) -> None:
        """In the caller's transaction: she lacks what she was to read, which `give_history` gives, or `heal`."""
        await self._changes.owe(connection, room_id, user_id)

    async def give_history(self, room_id: str, user_id: str) -> None:
        """Ask for the devices of this recipient, and give them what she is owed in this room."""
        await self._changes.give(room_id, user_id)

    async def key_counts(
        self,
        counts: Mapping[str, Mapping[str, Mapping[str, int]]],
        unused_fallback: Mapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        """Keys left on the homeserver (MSC3202: user → device → …); refill where they run out."""
        await self._keys.refill(counts=counts, unused_fallback=unused_fallback)

    async def decrypt(
        self, user_id: str, events: Sequence[EncryptedEvent], *, catch_up_missing: bool = False
    ) -> list[Decrypted | Undecryptable]:
        """What the events say, in the same order, as this user reads them.

        `catch_up_missing`: when a session is unknown, fetch what waits for the device and try once more.
        """
        return await self._decryption.decrypt(user_id, events, catch_up_missing=catch_up_missing)

    async def decrypt_within(
        self, connection: AsyncConnection, user_id: str, events: Sequence[EncryptedEvent]
    ) -> list[Decrypted | Undecryptable]:
        """The same, in the caller's write transaction."""
        return await self._decryption.decrypt_within(connection, user_id, events)

    async def forget_read(self, connection: AsyncConnection, user_id: str, event: EncryptedEvent) -> None:
        """Make what this user has decrypted, and all before it in its session, unreadable to her from now on."""
        await winding.forget_read(connection, user_id=user_id, event=event, pickle_key=self._pickle_key)

    async def heal(self) -> None:
        """Try again what failed: provisioning, device queries, sharing. To be called now and then."""
        await self._healing.heal()

    async def unload_idle(self) -> None:
        """Free the memory of accounts that nobody used for a while, and of sessions that ended."""
        self._devices.unload_idle()
        self._ready.drop_expired(self._now())
