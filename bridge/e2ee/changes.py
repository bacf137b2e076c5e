"""What follows when somebody's devices change, or somebody comes to receive messages."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import devices, sessions, tracking
from bridge.e2ee.device_lists import DeviceLists
from bridge.e2ee.ready import ReadySessions
from bridge.e2ee.sharing import Sharing
from bridge.storage.database import Database


class Changes:
    """Asks anew for devices, and shares with those that are new."""

    def __init__(
        self, *, database: Database, device_lists: DeviceLists, sharing: Sharing, ready: ReadySessions
    ) -> None:
        self._database = database
        self._device_lists = device_lists
        self._sharing = sharing
        self._ready = ready

    async def device_lists_changed(self, changed: Collection[str], left: Collection[str]) -> None:
        """Users' devices changed; those who left share no room with us any more."""
        async with self._database.write() as connection:
            await tracking.mark_changed(connection, changed=changed, left=left)
        await self._follow_up(changed, gone=left)

    async def joined(self, room_id: str, user_id: str) -> None:
        """A recipient joined: she gets what was encrypted since her invitation, unless she is new yet."""
        async with self._database.write() as connection:
            await self.owe(connection, room_id, user_id)
        await self.give(room_id, user_id)

    async def owe(self, connection: AsyncConnection, room_id: str, user_id: str) -> None:
        """Note that she lacks what was encrypted for her in this room, and that her devices are asked for anew."""
        await sessions.want_sharing(connection, [user_id], room_id=room_id, current_only=False)
        await tracking.follow(connection, [user_id], ask_again=True)

    async def give(self, room_id: str, user_id: str) -> None:
        """What she is owed there."""
        await self._follow_up([user_id], room_id=room_id)

    async def _follow_up(
        self, changed: Collection[str], *, gone: Collection[str] = (), room_id: str | None = None
    ) -> None:
        self._ready.drop_members([*changed, *gone])
        async with self._database.read() as connection:
            acting = await devices.any_user(connection)
        if acting is not None:
            await self._device_lists.refresh(acting=acting, users=changed)
            await self._sharing.share_outstanding(members=changed, room_id=room_id)
