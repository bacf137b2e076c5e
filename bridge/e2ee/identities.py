"""What `/keys/query` says about a user, as far as signatures bear it out.

The chain of trust (Matrix client-server API, 11.12.2):

    pinned master key ──signs──> self-signing key ──signs──> device keys <──sign── the device itself

The master key is pinned at first sight. The answer comes from servers that are not believed: what does not
name the right user and device or is not signed properly is left out, as if it were not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.e2ee.model import MEGOLM, OLM
from bridge.e2ee.signing import is_signed_by
from bridge.e2ee.untrusted import dig, is_identifier, is_identity_key
from bridge.matrix.json import JsonObject


@dataclass(frozen=True)
class DeviceIdentity:
    """A device's identity keys, signed by itself; `signed`: by its owner's identity, too."""

    device_id: str
    curve25519: str
    ed25519: str
    signed: bool


@dataclass(frozen=True)
class Published:
    """What a user has published. `self_signing_key` only when the pinned master key signed it."""

    master_key: str | None
    self_signing_key: str | None
    devices: tuple[DeviceIdentity, ...]


def published(answer: JsonObject, *, user_id: str, pinned_master: str | None) -> Published:
    """The part of a `/keys/query` answer about this user; without a pinned key the published one counts."""
    master_key = _usage_key(dig(answer, "master_keys", user_id), user_id=user_id, usage="master")
    trusted = pinned_master or master_key
    self_signing = dig(answer, "self_signing_keys", user_id)
    self_signing_key = _usage_key(self_signing, user_id=user_id, usage="self_signing")
    if trusted is None or not is_signed_by(
        self_signing or {}, user_id=user_id, key_id=trusted, public_key=trusted
    ):
        self_signing_key = None
    devices = _devices(answer, user_id=user_id, self_signing_key=self_signing_key)
    return Published(master_key, self_signing_key, tuple(devices))


def device_identity(
    keys: object, *, user_id: str, device_id: str, self_signing_key: str | None
) -> DeviceIdentity | None:
    """A device's keys if they are for this user and device, usable, and signed by the device itself."""
    if not isinstance(keys, dict) or not is_identifier(device_id):
        return None
    if keys.get("user_id") != user_id or keys.get("device_id") != device_id:
        return None
    algorithms = keys.get("algorithms")
    if not isinstance(algorithms, list) or OLM not in algorithms or MEGOLM not in algorithms:
        return None
    curve25519 = dig(keys, "keys", f"curve25519:{device_id}")
    ed25519 = dig(keys, "keys", f"ed25519:{device_id}")
    if not is_identity_key(curve25519) or not is_identifier(ed25519):
        return None
    if not is_signed_by(keys, user_id=user_id, key_id=device_id, public_key=ed25519):
        return None
    signed = self_signing_key is not None and is_signed_by(
        keys, user_id=user_id, key_id=self_signing_key, public_key=self_signing_key
    )
    return DeviceIdentity(device_id, curve25519, ed25519, signed)


def _devices(answer: JsonObject, *, user_id: str, self_signing_key: str | None) -> Iterator[DeviceIdentity]:
    found = dig(answer, "device_keys", user_id)
    if not isinstance(found, dict):
        return
    for device_id, keys in found.items():
        device = device_identity(
            keys, user_id=user_id, device_id=device_id, self_signing_key=self_signing_key
        )
        if device is not None:
            yield device


def _usage_key(value: object, *, user_id: str, usage: str) -> str | None:
    keys = dig(value, "keys")
    usages = dig(value, "usage")
    if dig(value, "user_id") != user_id or not isinstance(usages, list) or usage not in usages:
        return None
    if not isinstance(keys, dict) or len(keys) != 1:
        return None
    ((key_id, key),) = keys.items()
    return key if is_identifier(key) and key_id == f"ed25519:{key}" else None
