"""What failed is tried again, each thing on its own, so that one broken server holds up nothing else."""

import logging
from collections.abc import Awaitable

from bridge.e2ee import devices, tracking
from bridge.e2ee.device_lists import DeviceLists
from bridge.e2ee.errors import in_log
from bridge.e2ee.key_upload import KeyUpload
from bridge.e2ee.sharing import Sharing
from bridge.storage.database import Database

_log = logging.getLogger(__name__)


class Healing:
    """The periodic second attempt."""

    def __init__(
        self, *, database: Database, device_lists: DeviceLists, keys: KeyUpload, sharing: Sharing
    ) -> None:
        self._database = database
        self._device_lists = device_lists
        self._keys = keys
        self._sharing = sharing

    async def heal(self) -> None:
        """Finish provisioning, ask for the devices of stale users, share what somebody lacks."""
        for user_id in await self._keys.unfinished():
            await _attempt(self._keys.provision(user_id), f"provisioning {user_id}")
        async with self._database.read() as connection:
            acting = await devices.any_user(connection)
            behind = await tracking.users_behind(connection)
        if acting is None:
            return
        if behind:
            await _attempt(self._device_lists.refresh(acting=acting, users=behind), "asking for devices")
        await _attempt(self._sharing.share_outstanding(), "sharing sessions")
        await _attempt(self._sharing.share_with_keyless(), "sharing with devices without one-time keys")


async def _attempt(action: Awaitable[None], what: str) -> None:
    try:
        await action
    except Exception as error:  # noqa: BLE001 — whatever it is, the others have their turn
        _log.warning("%s failed, will be tried again: %s", what, in_log(error))
