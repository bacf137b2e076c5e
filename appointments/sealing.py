"""Sealing: words of people and key material are never plaintext at rest.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D); the context (table and row) is authenticated, so
a sealed value moved to another row does not open. Keys are derived from the settings' secret with HKDF
(RFC 5869).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SealBrokenError(Exception):
    """A sealed value does not open: the secret is another one, or the value was changed or moved."""


def derive_key(secret: str, purpose: str) -> bytes:
    """32 bytes for one purpose, from the settings' secret (HKDF-SHA-256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


class Sealer:
    """Seals and opens small values with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, value: bytes, *, context: str) -> bytes:
        """`value` encrypted and bound to `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The value again. Raises SealBrokenError."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise SealBrokenError(f"cannot open a sealed value of {context}") from error
