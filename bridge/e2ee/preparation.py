"""Before a message is encrypted: a session that everybody entitled to it has.

prepared in this process, for the same people? ── yes ──> done: no query; encrypt will look at the row
  │ no
the current session in the database:
  none, too old, or for others ──> ask for the devices of new and stale members, begin one ──> look again
  somebody may lack it ──────────> share it ──> look again
  everybody has it ──────────────> done
"""

from collections.abc import Collection

from sqlalchemy.exc import IntegrityError

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee import sessions
from bridge.e2ee.device_lists import DeviceLists
from bridge.e2ee.devices import Devices, OwnDevice
from bridge.e2ee.errors import NoDeviceError, SessionNotReadyError
from bridge.e2ee.model import Rotation
from bridge.e2ee.ready import ReadySessions
from bridge.e2ee.sharing import Sharing
from bridge.locks import KeyedLocks
from bridge.storage.database import Database

_ATTEMPTS = 5


class Preparation:
    """Makes outbound sessions ready."""

    def __init__(
        self,
        *,
        database: Database,
        devices: Devices,
        device_lists: DeviceLists,
        sharing: Sharing,
        ready: ReadySessions,
        locks: KeyedLocks,
        pickle_key: bytes,
        sealer: Sealer,
        now: Now,
    ) -> None:
        self._database = database
        self._devices = devices
        self._device_lists = device_lists
        self._sharing = sharing
        self._ready = ready
        self._locks = locks
        self._pickle_key = pickle_key
        self._sealer = sealer
        self._now = now

    async def prepare(
        self, *, user_id: str, room_id: str, recipients: Collection[str], rotation: Rotation
    ) -> None:
        """Make `encrypt` possible. Raises NoDeviceError, SessionNotReadyError if things change all the time."""
        members = frozenset({*recipients, user_id})
        if self._ready.session_for(user_id, room_id, members, self._now()) is not None:
            return
        async with self._locks["room", user_id, room_id]:
            for _ in range(_ATTEMPTS):
                async with self._database.read() as connection:
                    own = await self._devices.own(connection, user_id)
                    session = await sessions.current(connection, user_id=user_id, room_id=room_id)
                if own is None:
                    raise NoDeviceError(user_id)
                if session is None or not self._fits(session, members):
                    await self._start(own, room_id, members, rotation)
                elif session.is_shared:
                    self._ready.put(session, members)
                    return
                else:
                    await self._sharing.share(session)
        raise SessionNotReadyError

    def _fits(self, session: sessions.OutboundSession, members: Collection[str]) -> bool:
        return session.is_alive(self._now()) and session.members_digest == sessions.digest(members)

    async def _start(
        self, own: OwnDevice, room_id: str, members: Collection[str], rotation: Rotation
    ) -> None:
        await self._device_lists.follow(acting=own.user_id, users=members)
        try:
            async with self._database.write() as connection:
                await sessions.start(
                    connection,
                    own=own,
                    room_id=room_id,
                    members=members,
                    rotation=rotation,
                    now=self._now(),
                    sealer=self._sealer,
                    pickle_key=self._pickle_key,
                )
        except IntegrityError:
            return  # another process began one at the same moment, which will be looked at
