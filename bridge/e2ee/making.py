"""Making a device of ours: its account and keys, signed by the identity that its user has, or by a new one."""

import base64
import os

import vodozemac
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.e2ee.account import device_keys, new_account
from bridge.e2ee.cross_signing import CrossSigning
from bridge.e2ee.devices import FIRST_VERSION, Devices
from bridge.e2ee.settings import EncryptionSettings
from bridge.storage.e2ee import kept_identities, own_devices
from bridge.storage.statements import insert_once

_KEPT = select(kept_identities.c.cross_signing_sealed).where(kept_identities.c.user_id == bindparam("one"))


class Making:
    """Enters devices that are to be published."""

    def __init__(self, *, devices: Devices, sealer: Sealer, options: EncryptionSettings, now: Now) -> None:
        self._devices = devices
        self._sealer = sealer
        self._options = options
        self._now = now

    async def make(self, connection: AsyncConnection, user_id: str) -> vodozemac.Account:
        """The account of a device for this user, entered unless she has one."""
        device_id = "VC" + base64.b32encode(os.urandom(10)).decode()
        account = new_account(one_time_keys=self._options.one_time_keys)
        keys = device_keys(account, user_id=user_id, device_id=device_id)
        identity = await self._kept_identity(connection, user_id) or CrossSigning.generate()
        await insert_once(
            connection,
            own_devices,
            user_id=user_id,
            device_id=device_id,
            curve25519=account.curve25519_key.to_base64(),
            ed25519=account.ed25519_key.to_base64(),
            device_keys=identity.sign_device(keys),
            account=self._devices.pickle(account),
            account_version=FIRST_VERSION,
            cross_signing_sealed=self._sealer.seal(identity.to_bytes(), context=seeds_context(user_id)),
            fallback_at=self._now(),
            published_at=None,
        )
        return account

    async def _kept_identity(self, connection: AsyncConnection, user_id: str) -> CrossSigning | None:
        """Who comes back after her device was forgotten is still the same person."""
        sealed = await connection.scalar(_KEPT, {"one": user_id})
        if sealed is None:
            return None
        return CrossSigning.from_bytes(self._sealer.open(sealed, context=seeds_context(user_id)))


def seeds_context(user_id: str) -> str:
    """What the sealed seeds of an identity are bound to."""
    return f"e2ee_own_devices:{user_id}"
