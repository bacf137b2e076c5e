"""What the encryption machine needs of others.

Of the homeserver: `bridge.matrix.client.MatrixClient` fulfils it. Every method raises MatrixError when the homeserver
refuses and HomeserverUnreachableError when it does not answer. A fake lies beside this file (fake_key_server.py); the
same contract tests run against both.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.matrix.json import JsonObject


class KeyServer(Protocol):
    """The end-to-end encryption part of the client-server API, as any of our users."""

    async def register(self, *, user_id: str) -> None:
        """Make the account; harmless when it is there."""

    async def put_device(self, *, user_id: str, device_id: str, display_name: str) -> None:
        """Make the device, or rename it."""

    async def delete_device(self, *, user_id: str, device_id: str) -> None:
        """Delete the device with its keys and what waits for it; harmless when there is none."""

    async def keys_upload(self, *, user_id: str, device_id: str, body: JsonObject) -> dict[str, int]:
        """Upload device, one-time and fallback keys; the one-time keys that the server now has."""

    async def keys_query(self, *, user_id: str, users: Iterable[str]) -> JsonObject:
        """The raw answer of `/keys/query`: device_keys, failures, master_keys, …; one's own user_signing_keys."""

    async def keys_claim(self, *, user_id: str, wanted: Mapping[str, Iterable[str]]) -> JsonObject:
        """The raw answer of `/keys/claim` for one signed_curve25519 key a device: one_time_keys, failures."""

    async def device_signing_upload(self, *, user_id: str, body: JsonObject) -> None:
        """Publish cross-signing keys, those that are not there yet; harmless when all of them are the same."""

    async def signatures_upload(self, *, user_id: str, body: JsonObject) -> JsonObject:
        """Publish signatures of keys; the raw answer, with `failures`."""

    async def send_to_device(
        self,
        *,
        user_id: str,
        device_id: str,
        event_type: str,
        txn_id: str,
        messages: Mapping[str, Mapping[str, JsonObject]],
    ) -> None:
        """Send one content to each device of `messages` (user → device → content)."""


class Newcomers(Protocol):
    """Who is so new in a room that her client may not know our people yet (bridge/rooms/introductions.py)."""

    async def __call__(self, connection: AsyncConnection, room_id: str, users: Collection[str]) -> set[str]:
        """Those of these users who are to have no keys yet; when that changes, `Encryption.owe_history` says so."""
