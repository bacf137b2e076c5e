"""Cross-signing: the identity that vouches for our users' devices (Matrix client-server API, 11.12.2.2).

The seeds exist, sealed in the database, before anything is uploaded: an identity that was published and
then lost would show everybody a changed identity.
"""

import os
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unpaddedbase64 import encode_base64

from bridge.e2ee.signing import Sign, signed
from bridge.matrix.json import JsonObject

_SEED_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """One Ed25519 key made from a seed of 32 bytes."""

    seed: bytes

    @cached_property
    def public(self) -> str:
        """The public key, unpadded Base64; also its key id."""
        return encode_base64(self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> str:
        """The signature, unpadded Base64."""
        return encode_base64(self._key.sign(message))

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class CrossSigning:
    """The three keys of one user."""

    master: SigningKey
    self_signing: SigningKey
    user_signing: SigningKey

    @classmethod
    def generate(cls) -> "CrossSigning":
        """A new identity."""
        return cls.from_bytes(os.urandom(3 * _SEED_BYTES))

    @classmethod
    def from_bytes(cls, seeds: bytes) -> "CrossSigning":
        """The identity with these seeds, as `to_bytes` gave them."""
        return cls(*(SigningKey(seeds[at : at + _SEED_BYTES]) for at in range(0, len(seeds), _SEED_BYTES)))

    def to_bytes(self) -> bytes:
        """The seeds, to be sealed."""
        return self.master.seed + self.self_signing.seed + self.user_signing.seed

    def sign_device(self, device_keys: JsonObject) -> JsonObject:
        """A device's keys, vouched for."""
        return signed(
            device_keys,
            user_id=device_keys["user_id"],
            key_id=self.self_signing.public,
            sign=self.self_signing.sign,
        )

    def upload_body(self, *, user_id: str, device_id: str, sign_as_device: Sign) -> JsonObject:
        """The body of `/keys/device_signing/upload`; the device signs the master key, as Element's does."""
        master = _key_object(user_id, "master", self.master)
        return {
            "master_key": signed(master, user_id=user_id, key_id=device_id, sign=sign_as_device),
            "self_signing_key": self._by_master(user_id, "self_signing", self.self_signing),
            "user_signing_key": self._by_master(user_id, "user_signing", self.user_signing),
        }

    def _by_master(self, user_id: str, usage: str, key: SigningKey) -> JsonObject:
        value = _key_object(user_id, usage, key)
        return signed(value, user_id=user_id, key_id=self.master.public, sign=self.master.sign)


def _key_object(user_id: str, usage: str, key: SigningKey) -> JsonObject:
    return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{key.public}": key.public}}
