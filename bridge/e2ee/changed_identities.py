"""Users whose identity is not the one we first saw: no keys go to them until an operator accepts the new one."""

from bridge.e2ee import tracking
from bridge.e2ee.changes import Changes
from bridge.storage.database import Database


class ChangedIdentities:
    """Shows them, and accepts."""

    def __init__(self, *, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def waiting(self) -> list[str]:
        """The users whose identity waits to be accepted."""
        async with self._database.read() as connection:
            return await tracking.changed_identities(connection)

    async def published(self, user_id: str) -> str | None:
        """The master key that the user publishes now; None when it is gone."""
        async with self._database.read() as connection:
            return await tracking.published_identity(connection, user_id)

    async def accept(self, user_id: str, *, master_key: str | None) -> bool:
        """An operator made sure that this identity is the user's; False when she publishes another one by now."""
        async with self._database.write() as connection:
            is_pinned = await tracking.pin_again(connection, user_id, master_key=master_key)
        if is_pinned:
            await self._changes.device_lists_changed([user_id], [])
        return is_pinned
