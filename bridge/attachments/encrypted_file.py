"""Encrypted files of the Matrix specification (client-server API, "Sending encrypted attachments", v2).

AES-256-CTR with a key for one file and a counter that starts at zero; the SHA-256 of the ciphertext says whether
it is whole. What these models hold came from other people: nothing in it is believed before it was parsed.
"""

import base64
import binascii
import os
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Literal

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_KEY_BYTES, _IV_BYTES, _HASH_BYTES = 32, 16, 32
_RANDOM_IV_BYTES = 8  # the other half counts blocks


def _of_length(length: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(_decode(value)) != length:
            raise ValueError("has another length")
        return value

    return check


def _decode(value: str) -> bytes:
    """Base64 in either alphabet, padded or not."""
    standard = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("is no base64") from error


class _Parsed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JsonWebKey(_Parsed):
    """The key of one file (RFC 7517), in the only form that the specification allows."""

    kty: Literal["oct"] = "oct"
    key_ops: list[str] = ["encrypt", "decrypt"]
    alg: Literal["A256CTR"] = "A256CTR"
    k: Annotated[str, AfterValidator(_of_length(_KEY_BYTES))] = Field(repr=False)
    ext: Literal[True] = True


class Hashes(_Parsed):
    """What tells whether the ciphertext is whole."""

    sha256: Annotated[str, AfterValidator(_of_length(_HASH_BYTES))]


class EncryptedFile(_Parsed):
    """Where a file's ciphertext is, and what opens it."""

    url: str = Field(pattern=r"^mxc://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9_-]+$", max_length=600)
    key: JsonWebKey
    iv: Annotated[str, AfterValidator(_of_length(_IV_BYTES))]
    hashes: Hashes
    v: Literal["v2"] = "v2"

    @property
    def digest(self) -> str:
        """The SHA-256 of the ciphertext in hexadecimal, however the sender spelt it."""
        return _decode(self.hashes.sha256).hex()


class Encryptor:
    """Encrypts one file, piece by piece, with a key of its own."""

    def __init__(self) -> None:
        self._key = os.urandom(_KEY_BYTES)
        self._iv = os.urandom(_RANDOM_IV_BYTES) + bytes(_IV_BYTES - _RANDOM_IV_BYTES)
        self._cipher = Cipher(AES256(self._key), CTR(self._iv)).encryptor()
        self._hash = sha256()

    def update(self, piece: bytes) -> bytes:
        """The ciphertext of the next piece."""
        encrypted = self._cipher.update(piece)
        self._hash.update(encrypted)
        return encrypted

    def described(self, url: str) -> EncryptedFile:
        """What a recipient needs, once everything was encrypted and lies at this mxc: address."""
        return EncryptedFile(
            url=url,
            key=JsonWebKey(k=_encode(self._key).replace("+", "-").replace("/", "_")),
            iv=_encode(self._iv),
            hashes=Hashes(sha256=_encode(self._hash.digest())),
        )


class Decryptor:
    """Decrypts one file, piece by piece. Nothing of it is good before `is_whole` said so at the end."""

    def __init__(self, file: EncryptedFile) -> None:
        self._cipher = Cipher(AES256(_decode(file.key.k)), CTR(_decode(file.iv))).decryptor()
        self._expected = _decode(file.hashes.sha256)
        self._hash = sha256()

    def update(self, piece: bytes) -> bytes:
        """The plain bytes of the next piece of ciphertext."""
        self._hash.update(piece)
        return self._cipher.update(piece)

    def is_whole(self) -> bool:
        """Whether what was given is exactly what the sender encrypted."""
        return compare_digest(self._hash.digest(), self._expected)


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")
