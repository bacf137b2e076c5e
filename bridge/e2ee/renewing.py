"""Other devices for our users, when more became of those they have than our database knows: it is an older copy.

Ratchets go one way. From an older copy the same steps would be taken twice, with other words; and what the homeserver
hands out to begin sessions with, we no longer have.
"""

from bridge.e2ee import devices, forgetting, tracking
from bridge.e2ee.key_upload import KeyUpload
from bridge.e2ee.ports import KeyServer
from bridge.storage.database import Database


class Renewing:
    """Replaces devices by others of the same identities."""

    def __init__(self, *, database: Database, key_server: KeyServer, keys: KeyUpload) -> None:
        self._database = database
        self._key_server = key_server
        self._keys = keys

    async def holders(self) -> list[str]:
        """Whoever has a device of ours, published or not."""
        async with self._database.read() as connection:
            return await devices.holders(connection)

    async def ask_anew(self) -> None:
        """What we know of everybody's devices is of then: they are to be asked for."""
        async with self._database.write() as connection:
            await tracking.mark_all_changed(connection)

    async def renew(self, user_id: str) -> None:
        """Replace this user's device by one that is to be provisioned; what she can read she still can.

        Whatever she has at the homeserver is deleted there. May be repeated. Raises MatrixError and
        HomeserverUnreachableError.
        """
        await forgetting.leave_all(user_id, database=self._database, key_server=self._key_server)
        await self._keys.replace(user_id)
